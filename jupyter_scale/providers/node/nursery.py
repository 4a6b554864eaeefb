"""Workers are forked from a copy of the node process, made before it had a thread.

The copy is the fork server of `multiprocessing`, with its protocol and its end, but for one thing:
it is no new interpreter that imports once more what this process has imported. That was half of the
processor time of a start. The resource tracker, which every fork server needs, is a copy as well.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
from multiprocessing import forkserver, resource_tracker, util
from typing import TYPE_CHECKING, Any

from jupyter_scale.transport.forks import CAN_FORK, fork, is_single

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SOCKET_DIR_LENGTH = 60  # a socket's path has 107 bytes at most, and more is appended


def open_nursery(shared_dir: Path) -> None:
    """Choose how workers start, and make the copies; what workers need is imported by then.

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
    source: str = args[-1]  # of ``python -c``: from multiprocessing.NAME import main; main(...)

    def run() -> None:
        # As in a new interpreter. The copies were made while the originals were locked.
        forkserver.ForkServer.__init__(forkserver._forkserver)  # noqa: SLF001
        resource_tracker.ResourceTracker.__init__(resource_tracker._resource_tracker)  # noqa: SLF001
        exec(source, {})  # noqa: S102 - what `python -c` would have run

    title = sys.executable, "-m", source.split()[1]
    return fork(run, title, kept=passfds, files=[(2, 1)])  # what the node tells is its own
