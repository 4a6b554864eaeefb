"""What a machine that ends itself is told: that somebody was heard, and what its limits are.

Such a machine has a watchdog of its own, see `jupyter_scale.providers.aws.watchdog`; on others
there is no such directory, and nothing to tell.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

HOME = Path("/var/lib/jupyter-scale")


def renew_lease(home: Path = HOME) -> None:
    """Tell the machine's watchdog that an owner was heard."""
    with contextlib.suppress(OSError):
        os.utime(home / "lease")


def notice(home: Path = HOME) -> str:
    """Return the notice that this machine is taken away, an empty text when there is none."""
    try:
        return (home / "notice").read_text()
    except OSError:
        return ""
