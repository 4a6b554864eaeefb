"""Workers are forked from a copy of the node process, made before it had a thread.

The copy is the fork server of `multiprocessing`, with its protocol and its end, but for one thing:
it is no new interpreter that imports once more what this process has imported. That was half of the
processor time of a start.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
from functools import partial
from multiprocessing import forkserver, resource_tracker, util
from typing import TYPE_CHECKING, Any

from jupyter_scale.transport.forks import CAN_FORK, fork, is_single

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SOCKET_DIR_LENGTH = 60  # a socket's path has 107 bytes at most, and more is appended


def open_nursery(shared_dir: Path) -> None:
    """Choose how workers start, and make the copy; what they need is imported by then.

    Parameters
    ----------
    shared_dir : Path
        Where the server's socket goes, and is removed with the cluster, if its path is short
        enough for a socket.
    """
    if not CAN_FORK or len(str(shared_dir)) > _SOCKET_DIR_LENGTH:
        multiprocessing.set_start_method("spawn")
        return
    multiprocessing.set_start_method("forkserver")
    multiprocessing.set_forkserver_preload([])
    resource_tracker.ensure_running()
    directory, tempfile.tempdir = tempfile.tempdir, str(shared_dir)
    launch = util.spawnv_passfds
    if is_single():
        util.spawnv_passfds = _fork
    try:
        forkserver.ensure_running()
    finally:
        tempfile.tempdir, util.spawnv_passfds = directory, launch


def _fork(path: bytes, args: Sequence[Any], passfds: Sequence[int]) -> int:  # noqa: ARG001
    """Do what `multiprocessing.util.spawnv_passfds` does, in a copy of this process."""
    source: str = args[-1]  # of ``python -c``
    title = sys.executable, "-m", "multiprocessing.forkserver"
    return fork(partial(exec, source, {}), title, kept=passfds)
