"""Tasks at the scheduler: it sees each of them begin and end, and which client wants it.

Loops, pools and Dask collections of a cell are all tasks of its runner's client, and the name of
that says whose session it is; what that session runs at the time is known from its facts.
"""

from __future__ import annotations

import itertools
import time
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

from distributed.diagnostics.plugin import SchedulerPlugin

from jupyter_scale.model.facts import TOPIC, RunFact, from_message, session_of_shell
from jupyter_scale.monitor.tape import Tape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from distributed import Scheduler
    from distributed.scheduler import TaskState, WorkerState

TASKS = "jupyter_scale_tasks"
"""The scheduler's handler that answers with what `TaskWatch.read` returns."""

_MOST_RUNS = 50
_MOST_READ = 5000
_LONG_S = 1.0
_AGAIN_S = 60.0
_DEEPEST = 20


class TaskWatch(SchedulerPlugin):
    """Keeps a tape of what workers do, for whoever looks.

    Parameters
    ----------
    scheduler : Scheduler
        Whose tasks they are.
    own : str
        The name of the node that this process keeps; see `by_node`.
    """

    name = "jupyter-scale-tasks"

    def __init__(self, scheduler: Scheduler, own: str) -> None:
        self._scheduler, self._own = scheduler, own
        self._tape = Tape()
        self._given: dict[Any, float] = {}
        self._names: dict[str, str] = {}
        self._told: dict[str, tuple[float, float, str]] = {}
        self._runs: dict[str, deque[RunFact]] = defaultdict(lambda: deque(maxlen=_MOST_RUNS))

    def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
        """Note a task that is given to a worker, or has ended there."""
        if finish == "processing":
            self._given[key] = time.time()
        elif start == "processing":
            self._given.pop(key, None)
            computed = [s for s in kwargs.get("startstops") or () if s["action"] == "compute"]
            worker = self._names.get(kwargs.get("worker") or "")
            if computed and worker is not None:
                task = self._scheduler.tasks.get(key)
                session = "" if task is None else session_of(task)
                begun, ended = computed[-1]["start"], computed[-1]["stop"]
                self._tape.take(worker, session, begun, ended, failed=finish == "erred")

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        """Learn its name."""
        name = str(scheduler.workers[worker].name)
        self._names[worker] = name if "/" in name else f"{self._own}/{name}"

    def remove_worker(self, scheduler: Scheduler, worker: str, **kwargs: Any) -> None:
        """Tell what it was at as failed."""
        name = self._names.pop(worker, worker)
        self._end_long_one(name, time.time(), failed=True)
        self._tape.forget(name)

    def log_event(self, topic: str, msg: Any) -> None:
        """Learn what sessions run."""
        if topic == TOPIC:
            for fact in from_message(msg):
                runs = self._runs[fact.session]
                if runs and runs[-1].id == fact.id:
                    runs.pop()
                runs.append(fact)

    async def read(self, since: int = 0) -> dict[str, Any]:
        """Return what is new on the tape.

        ``now`` is the clock here, ``number`` that of the last row, ``more`` whether there are more,
        ``rows`` are ``[worker, start, seconds, busy_s, tasks, failed, run]``: worker and run are
        places in ``workers`` and ``runs``.
        """
        now = time.time()
        self._tell_long_ones(now)
        found = list(itertools.islice(self._tape.read(since, now), _MOST_READ + 1))
        workers: dict[str, int] = {}
        runs: dict[str, int] = {}
        rows = [
            [
                workers.setdefault(band.worker, len(workers)),
                round(band.start, 3),
                round(band.stop - band.start, 3),
                round(band.busy_s, 3),
                band.tasks,
                band.failed,
                runs.setdefault(self._run_at(band.session, band.start), len(runs)),
            ]
            for _, band in found[:_MOST_READ]
        ]
        return {
            "now": now,
            "number": found[:_MOST_READ][-1][0] if found else since,
            "more": len(found) > _MOST_READ,
            "workers": list(workers),
            "runs": list(runs),
            "rows": rows,
        }

    def _tell_long_ones(self, now: float) -> None:
        """Note tasks that go on for long: nothing else tells that their worker is busy."""
        for address, state in self._scheduler.workers.items():
            name = self._names.get(address, address)
            found = self._running(name, state)
            told = self._told.get(name)
            if told is not None and (found is None or found[0] != told[0]):
                self._end_long_one(name, now, failed=False)
                told = None
            if found is None or now - found[0] < _LONG_S:
                continue
            begun, session = found
            if told is None or now - told[1] > _AGAIN_S:
                self._told[name] = begun, now, session
                self._tape.begin(name, session, begun)

    def _end_long_one(self, name: str, now: float, *, failed: bool) -> None:
        """Note the end of a task that was told of and has given no result: it was cancelled."""
        told = self._told.pop(name, None)
        if told is not None and self._tape.last_stop(name) <= told[0]:
            self._tape.take(name, told[2], told[0], max(told[0], now), failed=failed)

    def _running(self, name: str, state: WorkerState) -> tuple[float, str] | None:
        """Return since when a worker is at its task, and whose that is; it has one at a time."""
        if not state.processing:
            return None
        task = min(state.processing, key=lambda one: one.priority or ())
        given = min(self._given.get(one.key, 0.0) for one in state.processing)
        return max(given, self._tape.last_stop(name)), session_of(task)

    def _run_at(self, session: str, at: float) -> str:
        """Return what a session ran at that time; empty when that is not known."""
        runs: Iterable[RunFact] = self._runs.get(session, ())
        begun = [run for run in runs if run.started_at <= at]
        return begun[-1].id if begun else ""


def session_of(task: TaskState) -> str:
    """Return the session that wants a task, or what is made of it; empty for anybody else's."""
    for _ in range(_DEEPEST):
        for client in task.who_wants or ():
            return session_of_shell(client.client_key)
        if not task.dependents:
            return ""
        task = next(iter(task.dependents))
    return ""
