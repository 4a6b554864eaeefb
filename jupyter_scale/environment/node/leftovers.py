"""What there is of clusters on a node: processes with a cluster's mark, directories, and runs.

Runs are set aside where a cluster broke down before they were fetched: each profile has a directory
of its own, with a file that says until when it waits.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path
from typing import Any, BinaryIO

from jupyter_scale.environment.node import machine
from jupyter_scale.environment.node.report import Report

CLUSTERS = "clusters"
"""The folder of clusters' directories in the cache of jupyter-scale."""
ASIDE = "kept"
"""The folder of runs that are set aside, beside it."""
_UNTIL = "until"


def find(request: dict[str, Any], _data: BinaryIO, _report: Report) -> dict[str, Any]:
    """Return ``clusters``: the fields of `LeftBehind` of each.

    Processes are found on Linux only, and only this user's.

    Parameters
    ----------
    request : dict
        ``mark``: the variable with a cluster's id in the environment of its processes.
    """
    found: dict[str, dict[str, Any]] = {}

    def note(cluster: str, kind: str, what: Any, since: float) -> None:
        one = found.setdefault(
            cluster, {"cluster": cluster, "pids": [], "directories": [], "age_s": 0.0}
        )
        one[kind].append(what)
        one["age_s"] = max(one["age_s"], time.time() - since)

    prefix = os.fsencode(request["mark"]) + b"="
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for setting in (process / "environ").read_bytes().split(b"\0"):
                if setting.startswith(prefix):
                    cluster = os.fsdecode(setting[len(prefix) :])
                    note(cluster, "pids", int(process.name), process.stat().st_mtime)
                    break
    with contextlib.suppress(OSError):
        for folder in sorted((machine.cache_root(request) / CLUSTERS).iterdir()):
            if folder.is_dir():
                note(folder.name, "directories", str(folder), folder.stat().st_mtime)
    return {"event": "leftovers", "clusters": [found[name] for name in sorted(found)]}


def wait_until(place: Path, moment: float) -> None:
    """Note until when what is set aside there is kept, in seconds since 1970."""
    (place / _UNTIL).write_text(str(moment))


def remove_expired(places: Path) -> None:
    """Remove what has been set aside for too long, and the folder itself if nothing is left."""
    for place in places.glob("*/"):
        if _waits_until(place) < time.time():
            shutil.rmtree(str(place), ignore_errors=True)
    with contextlib.suppress(OSError):  # something still waits, or nothing ever did
        places.rmdir()


def remove_all_else(root: Path) -> None:
    """Remove all that is kept for later starts, unless clusters need it, but for runs set aside."""
    with contextlib.suppress(OSError):  # it has no directory, or some are in it
        (root / CLUSTERS).rmdir()
    if (root / CLUSTERS).exists():
        return
    for path in root.glob("*"):
        if path.name == ASIDE:
            continue
        if path.is_dir():
            shutil.rmtree(str(path), ignore_errors=True)
        else:
            path.unlink()
    with contextlib.suppress(OSError):  # runs are set aside, or it has gone
        root.rmdir()


def _waits_until(place: Path) -> float:
    try:
        return float((place / _UNTIL).read_text())
    except (OSError, ValueError):
        return 0.0
