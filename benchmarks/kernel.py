"""A kernel that times the cells it is given, as a notebook would run them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

_OPTIONS = ["--HistoryManager.enabled=False", "--IPKernelApp.log_level=ERROR"]
_TIMEOUT_S = 600
_MARK = "JUPYTER_SCALE_BENCHMARK"

# Registered after everything else, so that what others do after a cell is measured too.
_STOPWATCH = """
import time


def start_watch(*_):
    get_ipython().started = time.perf_counter()


def stop_watch(*_):
    get_ipython().seconds = time.perf_counter() - get_ipython().started


get_ipython().started = time.perf_counter()
get_ipython().events.register("pre_run_cell", start_watch)
get_ipython().events.register("post_run_cell", stop_watch)
"""


@dataclass(frozen=True)
class Memory:
    """Resident memory at its peak, in bytes: of the kernel, of a runner's shell, of all others."""

    kernel_bytes: int
    shell_bytes: int
    others_bytes: int


class Kernel:
    """A running kernel, and the processes that it has started."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient, mark: str) -> None:
        self._manager, self._client, self._mark = manager, client, mark

    def run(self, source: str, expression: str = "0") -> str:
        """Run a cell; return the text of an expression that is evaluated afterwards.

        Raises
        ------
        RuntimeError
            With the traceback, when the cell fails.
        """
        reply = self._client.execute_interactive(
            source,
            user_expressions={"value": expression},
            output_hook=lambda _message: None,
            timeout=_TIMEOUT_S,
        )["content"]
        if reply["status"] != "ok":
            raise RuntimeError("\n".join(reply.get("traceback", [str(reply)])))
        return str(reply["user_expressions"]["value"]["data"]["text/plain"])

    def start_watch(self) -> None:
        """Time cells from now on."""
        self.run(_STOPWATCH)

    def seconds(self, source: str) -> float:
        """Run a cell; return how long it took, inside the kernel."""
        return float(self.run(source, "get_ipython().seconds"))

    def forget_peaks(self) -> None:
        """Let `peaks` tell of what comes from now on (Linux only)."""
        for process in self._processes():
            with suppress(OSError):
                Path(f"/proc/{process.pid}/clear_refs").write_text("5", encoding="ascii")

    def peaks(self) -> Memory:
        """Return how much memory the processes took at most; zeros where nobody can tell."""
        peaks = {"kernel": 0, "shell": 0, "others": 0}
        for process in self._processes():
            with suppress(OSError, psutil.Error):
                command = " ".join(process.cmdline())
                part = "shell" if "runner.host.shell" in command else "others"
                part = "kernel" if process.pid == self._manager.provisioner.pid else part
                peaks[part] += _peak(process.pid)
        return Memory(*(peaks[part] for part in ("kernel", "shell", "others")))

    def _processes(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(_MARK) == self._mark:
                    yield process

    def interrupt(self) -> None:
        """Stop the cell that is running, if one is."""
        self._manager.interrupt_kernel()


def _peak(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


@contextmanager
def started_kernel() -> Iterator[Kernel]:
    """Start a kernel that keeps no history; end it afterwards."""
    manager = KernelManager(kernel_name="python3")
    mark = uuid.uuid4().hex
    manager.start_kernel(extra_arguments=_OPTIONS, env={**os.environ, _MARK: mark})
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield Kernel(manager, client, mark)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=False)
