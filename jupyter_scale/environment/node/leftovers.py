"""What there is of clusters on a node: processes that carry a cluster's mark, and directories."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any, BinaryIO

from jupyter_scale.environment.node import machine
from jupyter_scale.environment.node.report import Report


def find(request: dict[str, Any], _data: BinaryIO, _report: Report) -> dict[str, Any]:
    """Return ``clusters``: the fields of `LeftBehind` of each.

    Processes are found on Linux only, and only this user's.

    Parameters
    ----------
    request : dict
        ``mark``: the variable with a cluster's id in the environment of its processes.
        ``folder``: where directories of clusters are, in the cache of jupyter-scale.
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
        for folder in sorted((machine.cache_root(request) / request["folder"]).iterdir()):
            if folder.is_dir():
                note(folder.name, "directories", str(folder), folder.stat().st_mtime)
    return {"event": "leftovers", "clusters": [found[name] for name in sorted(found)]}
