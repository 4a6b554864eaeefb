"""A kernel that times the cells it is given, as a notebook would run them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

_OPTIONS = ["--HistoryManager.enabled=False", "--IPKernelApp.log_level=ERROR"]
_TIMEOUT_S = 600

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


class Kernel:
    """A running kernel."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self._manager, self._client = manager, client

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

    def interrupt(self) -> None:
        """Stop the cell that is running, if one is."""
        self._manager.interrupt_kernel()


@contextmanager
def started_kernel() -> Iterator[Kernel]:
    """Start a kernel that keeps no history; end it afterwards."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(extra_arguments=_OPTIONS)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=False)
