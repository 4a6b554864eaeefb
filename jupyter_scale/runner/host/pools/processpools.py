"""``multiprocessing.Pool`` on the cluster: its processes are threads that have their work done.

All else is the standard library's own: it has the same arrangement in its ``ThreadPool``.
"""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable, Sequence
from multiprocessing import dummy
from multiprocessing import pool as plain
from multiprocessing.pool import Pool
from typing import Any, cast

from jupyter_scale.runner.host.pools.crew import Crew
from jupyter_scale.runner.host.pools.executors import MakeCrew
from jupyter_scale.runner.host.pools.lanes import serve
from jupyter_scale.runner.host.pools.local import LocalProcesses
from jupyter_scale.runner.host.pools.terms import Call, Initializer, Result, Terms

#: Job, number in it, function, arguments, keywords.
Task = tuple[int, int, Callable[..., Any], tuple[Any, ...], dict[str, Any]]
Answer = tuple[int, int, tuple[bool, Any]]
#: Takes the number of processes, a context, and an initializer.
MakeLocal = Callable[[int, Any, Initializer | None], LocalProcesses]


class ProcessPools:
    """Makes pools that are made meanwhile pools of the cluster.

    Parameters
    ----------
    make_crew
        Takes what returns the terms for a number of workers.
    make_local
        Returns processes of this machine.
    """

    def __init__(self, make_crew: MakeCrew, make_local: MakeLocal) -> None:
        self._make_crew, self._make_local = make_crew, make_local
        self._init = Pool.__init__

    def install(self) -> None:
        """Let new pools come here; `multiprocessing.pool.ThreadPool` and other heirs do not."""
        pools = self

        def __init__(  # noqa: N807 - it is what it stands for
            self: Pool,
            processes: int | None = None,
            initializer: Callable[..., Any] | None = None,
            initargs: Sequence[Any] = (),
            maxtasksperchild: int | None = None,
            context: Any = None,
        ) -> None:
            options = (initializer, initargs, maxtasksperchild, context)
            if type(self) is Pool and (crew := pools.make_crew(processes, *options)):
                self.__class__ = ClusterPool
                cast("ClusterPool", self).crew = crew
                processes = crew.terms.size
            pools._init(self, processes, *options)

        __init__.__doc__, __init__.__qualname__ = self._init.__doc__, self._init.__qualname__
        Pool.__init__ = __init__  # type: ignore[assignment,method-assign]

    def remove(self) -> None:
        """Leave the class as it was."""
        Pool.__init__ = self._init  # type: ignore[method-assign]

    def make_crew(
        self,
        processes: int | None,
        initializer: Callable[..., Any] | None,
        initargs: Sequence[Any],
        _maxtasks: int | None,
        context: Any,
    ) -> Crew | None:
        """Return the crew of a new pool; None if it is to be a plain one, or to be refused."""
        if (processes is not None and processes < 1) or not callable(initializer or print):
            return None
        setup = (initializer, tuple(initargs)) if initializer else None

        def terms(workers: int) -> Terms:
            size = processes or workers
            return Terms(
                "the Pool", size, self._make_local(size, context, setup), initializer=setup
            )

        return self._make_crew(terms)


class _Inbox(queue.SimpleQueue[Task | None]):
    """A pool's queue of tasks, which counts them."""

    def __init__(self, crew: Crew) -> None:
        super().__init__()
        self.crew = crew

    def put(self, item: Task | None, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002 - its signature
        if item is not None:
            self.crew.announce()
        super().put(item, block, timeout)


class ClusterPool(Pool):
    """A pool whose tasks run on workers."""

    crew: Crew

    @staticmethod
    def Process(  # type: ignore[override]  # noqa: N802 - its name
        _context: Any, *_target: Any, args: tuple[Any, ...] = (), **_options: Any
    ) -> dummy.DummyProcess:
        """Return a lane in the place of a process."""
        return dummy.DummyProcess(target=_serve, args=args[:2])

    def _setup_queues(self) -> None:
        self._inqueue: Any = _Inbox(self.crew)
        self._outqueue: Any = queue.SimpleQueue()
        self._quick_put = self._inqueue.put
        self._quick_get = self._outqueue.get

    def _get_sentinels(self) -> list[Any]:
        mine: Any = self
        return [mine._change_notifier._reader]  # noqa: SLF001 - as in ThreadPool

    @staticmethod
    def _help_stuff_finish(inqueue: Any, _task_handler: Any, size: int) -> None:
        inqueue.crew.stop()
        with contextlib.suppress(queue.Empty):
            while True:
                inqueue.get_nowait()
        for _ in range(size):
            inqueue.put(None)


# It is what the notebook calls so, also in its ``repr`` and when it travels.
ClusterPool.__name__, ClusterPool.__qualname__ = Pool.__name__, Pool.__qualname__
ClusterPool.__module__ = Pool.__module__


def _serve(inbox: _Inbox, outbox: queue.SimpleQueue[Answer | None]) -> None:
    serve(inbox, inbox.crew, _call_of, lambda task, result: outbox.put(_answer_to(task, result)))


def _call_of(task: Task) -> Call:
    return task[2:]


def _answer_to(task: Task, result: Result) -> Answer:
    error = result.error
    if error is None:
        return (*task[:2], (True, result.value))
    if result.lost:
        lost = plain.MaybeEncodingError(error, None)  # type: ignore[attr-defined]
        lost.args = lost.exc, lost.value = repr(error), result.lost
        error = lost
    return (*task[:2], (False, error))
