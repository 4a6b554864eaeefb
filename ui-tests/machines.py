"""Starts machines with a real sshd for the UI tests: ``python machines.py DIRECTORY COUNT``.

They are those of tests/sshlab.py, which has to be on PYTHONPATH. One line of JSON says how to reach
them, or why there can be none here. They end when standard input is closed, so that they cannot
outlive the tests.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sshlab import SshLab, why_impossible


def main() -> None:
    """Serve until standard input is closed."""
    directory, count = Path(sys.argv[1]), int(sys.argv[2])
    if why := why_impossible():
        print(json.dumps({"why_impossible": why}), flush=True)
        return
    lab = SshLab(directory)
    try:
        names = [lab.add().name for _ in range(count)]
        place = {
            "hosts": names,
            "ssh_config": str(lab.ssh_config),
            "python": sys.executable,
        }
        print(json.dumps(place), flush=True)
        sys.stdin.read()
    finally:
        lab.close()


if __name__ == "__main__":
    main()
