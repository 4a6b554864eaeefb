"""One Dask worker of a node: a log of its own, no web server."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

from distributed import Worker

from jupyter_scale.environment.additions import look_there
from jupyter_scale.model.complaints import RAW, Complaint, to_message
from jupyter_scale.monitor.complaining import Complainer
from jupyter_scale.monitor.survey import ABOUT_MACHINE, MachineWatch


def worker_log(directory: Path, name: str) -> Path:
    """Return where the output of a worker goes."""
    return directory / "workers" / f"{name}.log"


class LocalWorker(Worker):
    """A worker whose output, its libraries' and its children's goes to `worker_log`.

    Distributed would open a web server without authentication on a port; here it does not.

    Parameters
    ----------
    log_path : str
        The file to which output is appended.
    node_directory : str
        The node's own, where it is said which packages were added.
    """

    def __init__(self, *args: Any, log_path: str, node_directory: str, **kwargs: Any) -> None:
        _send_output_to(log_path)
        multiprocessing.set_start_method(None, force=True)  # what was chosen is for workers only
        look_there(Path(node_directory))
        if "" not in sys.path:  # as in IPython: modules beside the notebook can be imported
            sys.path.insert(0, "")
        super().__init__(*args, **kwargs)
        self.handlers[ABOUT_MACHINE] = self.look_at_machine
        self._machine = MachineWatch()
        Complainer(self._complain, worker=str(self.name)).install()

    def _complain(self, complaints: list[Complaint]) -> None:
        self.log_event(RAW, to_message(complaints))

    async def look_at_machine(self) -> dict[str, Any]:
        """Return what this machine does; one worker of each node is asked."""
        return await self._machine.look()

    def start_http_server(self, *args: Any, **kwargs: Any) -> None:
        """Start none."""


def _send_output_to(log_path: str) -> None:
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
