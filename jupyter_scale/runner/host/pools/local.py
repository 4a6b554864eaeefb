"""Processes of this machine, for calls of a pool that cannot travel."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from jupyter_scale.runner.host.pools.terms import Call


class LocalProcesses:
    """A plain executor, made when a first call needs it.

    Parameters
    ----------
    make
        Returns it.
    """

    def __init__(self, make: Callable[[], Executor]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._executor: Executor | None = None

    def run(self, call: Call) -> Any:
        """Return what the call returns, or raise what it raises."""
        with self._lock:
            if self._executor is None:
                self._executor = self._make()
        function, args, keywords = call
        return self._executor.submit(function, *args, **keywords).result()

    def close(self) -> None:
        """End the processes once they have done what they have."""
        with self._lock:
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False)
