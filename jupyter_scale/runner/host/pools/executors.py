"""``concurrent.futures.ProcessPoolExecutor`` on the cluster.

The class and its instances stay what they are; only where a submitted call runs is another place.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from jupyter_scale.runner.host.pools.crew import Crew
from jupyter_scale.runner.host.pools.lanes import Lanes
from jupyter_scale.runner.host.pools.local import LocalProcesses
from jupyter_scale.runner.host.pools.terms import Initializer, Terms

#: Returns a new crew, None where there is to be none.
MakeCrew = Callable[[Callable[[int], Terms]], Crew | None]


class Executors:
    """Gives executors their lanes at their first call, when a plain one would fork.

    Parameters
    ----------
    make_crew
        Takes what returns the terms for a number of workers.
    """

    def __init__(self, make_crew: MakeCrew) -> None:
        self._make_crew = make_crew
        self._init = ProcessPoolExecutor.__init__
        self._submit = ProcessPoolExecutor.submit
        self._shutdown = ProcessPoolExecutor.shutdown
        self._unsized: weakref.WeakSet[ProcessPoolExecutor] = weakref.WeakSet()
        self._lanes: weakref.WeakKeyDictionary[ProcessPoolExecutor, Lanes | None]
        self._lanes = weakref.WeakKeyDictionary()

    def install(self) -> None:
        """Let executors come here."""
        executors = self

        def __init__(  # noqa: N807 - it is what it stands for
            self: ProcessPoolExecutor, max_workers: int | None = None, *args: Any, **keywords: Any
        ) -> None:
            executors._init(self, max_workers, *args, **keywords)
            if max_workers is None:
                executors._unsized.add(self)

        def submit(
            self: ProcessPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
        ) -> Future[Any]:
            return executors.submit(self, fn, *args, **kwargs)

        def shutdown(
            self: ProcessPoolExecutor,
            wait: bool = True,  # noqa: FBT001, FBT002 - its signature
            *,
            cancel_futures: bool = False,
        ) -> None:
            executors.shutdown(self, wait=wait, cancel_futures=cancel_futures)

        for method in (__init__, submit, shutdown):
            plain = getattr(ProcessPoolExecutor, method.__name__)
            method.__doc__, method.__qualname__ = plain.__doc__, plain.__qualname__
            method.__module__ = plain.__module__
            setattr(ProcessPoolExecutor, method.__name__, method)

    def remove(self) -> None:
        """Leave the class as it was, but for executors that have lanes."""
        ProcessPoolExecutor.__init__ = self._init  # type: ignore[method-assign]
        if not any(self._lanes.values()):
            ProcessPoolExecutor.submit = self._submit  # type: ignore[method-assign]
            ProcessPoolExecutor.shutdown = self._shutdown  # type: ignore[method-assign]

    def submit(
        self, executor: ProcessPoolExecutor, function: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Future[Any]:
        """Return the future of a call."""
        if executor not in self._lanes:
            crew = self._make_crew(lambda workers: self._terms(executor, workers))
            self._lanes[executor] = lanes = None if crew is None else Lanes(crew)
            if lanes is not None:
                weakref.finalize(executor, lanes.close)
        lanes = self._lanes[executor]
        if lanes is None:
            return self._submit(executor, function, *args, **kwargs)
        with executor._shutdown_lock:  # noqa: SLF001 - these are the plain method's own checks
            if lanes.crew.broken:
                raise BrokenProcessPool(lanes.crew.broken)
            if executor._shutdown_thread:  # noqa: SLF001 - as above
                msg = "cannot schedule new futures after shutdown"
                raise RuntimeError(msg)
            return lanes.submit(function, *args, **kwargs)

    def _terms(self, executor: ProcessPoolExecutor, workers: int) -> Terms:
        mine: Any = executor
        size = workers if executor in self._unsized else mine._max_workers  # noqa: SLF001 - only there
        initializer = (mine._initializer, mine._initargs) if mine._initializer else None  # noqa: SLF001 - as above
        here = self.local_processes(size, mine._mp_context, initializer)  # noqa: SLF001 - as above
        return Terms("the ProcessPoolExecutor", size, here, initializer=initializer)

    def local_processes(
        self, size: int, context: Any, initializer: Initializer | None
    ) -> LocalProcesses:
        """Return processes of this machine, which start when they are needed."""

        def make() -> ProcessPoolExecutor:
            plain = ProcessPoolExecutor.__new__(ProcessPoolExecutor)
            function, arguments = initializer or (None, ())
            self._init(plain, size, context, function, arguments)
            self._lanes[plain] = None
            return plain

        return LocalProcesses(make)

    def shutdown(self, executor: ProcessPoolExecutor, *, wait: bool, cancel_futures: bool) -> None:
        """Take no more calls; wait for those that run."""
        lanes = self._lanes.get(executor)
        if lanes is None:
            self._shutdown(executor, wait, cancel_futures=cancel_futures)
            return
        with executor._shutdown_lock:  # noqa: SLF001 - as in `submit`
            executor._shutdown_thread = True  # noqa: SLF001 - as in `submit`
            if cancel_futures:
                lanes.cancel_waiting()
            lanes.close()

        if wait:
            lanes.join()
        self._shutdown(executor, wait)  # it has no processes; this closes its pipes
