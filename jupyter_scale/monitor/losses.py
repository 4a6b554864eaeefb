"""Complaints where the scheduler is: all processes' are summed up, and lost work is told.

Dask's own events say which worker has ended, and what went with it; its nanny says that it ended
the worker because of its memory. They come over two connections, in any order.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from distributed.diagnostics.plugin import SchedulerPlugin

from jupyter_scale.model.complaints import RAW, TOPIC, Complaint, from_message, to_message
from jupyter_scale.monitor.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Collection

    from distributed import Scheduler

MOST_OF_CLUSTER = 20
_SOON_S = 0.1
_WAIT_REASON_S = 1.0
_MOST_REASONS = 1000
_EVERYBODY = "all"
_MEMORY = "worker-restart-memory"


@dataclass(frozen=True, slots=True)
class Loss:
    """What went with a worker: how many tasks, results that can be had again, and others."""

    tasks: int
    results: int
    data: int

    def __bool__(self) -> bool:
        """Whether anything did."""
        return bool(self.tasks or self.results or self.data)

    def __str__(self) -> str:
        """Say it."""
        parts = [
            f"{_count(self.tasks, 'task runs', 'tasks run')} again" * bool(self.tasks),
            f"{_count(self.results, 'result is', 'results are')} computed again"
            * bool(self.results),
            f"{_count(self.data, 'object is', 'objects are')} gone" * bool(self.data),
        ]
        return ", ".join(part for part in parts if part)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def loss_of(event: Any) -> Loss | None:
    """Return what was lost by Dask's event; None if it is not of a worker that has ended so."""
    if not isinstance(event, dict) or event.get("action") != "remove-worker" or event["expected"]:
        return None
    tasks, results, data = (
        len(event.get(key, ()))
        for key in ("processing-tasks", "lost-computed-tasks", "lost-scattered-tasks")
    )
    return Loss(tasks, results, data) or None


class Listener(SchedulerPlugin):
    """Hears what processes complain of, and publishes the digest.

    Parameters
    ----------
    scheduler : Scheduler
        Whose events they are.
    own : str
        The name of the node that this process keeps; see `by_node`.
    """

    name = "jupyter-scale-complaints"

    def __init__(self, scheduler: Scheduler, own: str) -> None:
        self._scheduler, self._own = scheduler, own
        self._digest = Digest(MOST_OF_CLUSTER)
        self._names: dict[str, str] = {}
        self._out_of_memory: dict[str, None] = {}
        self._is_awaited = False

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        """Learn its name."""
        self._names[worker] = str(scheduler.workers[worker].name)

    def log_event(self, topic: str, msg: Any) -> None:
        """Take what processes say, and what Dask says of workers."""
        if topic == RAW:
            self.take(from_message(msg))
        elif topic == _MEMORY and isinstance(msg, dict):
            self._out_of_memory[str(msg.get("worker"))] = None
            while len(self._out_of_memory) > _MOST_REASONS:
                del self._out_of_memory[next(iter(self._out_of_memory))]
        elif topic == _EVERYBODY and (lost := loss_of(msg)):
            address = str(msg["worker"])
            name = self._names.get(address, address)
            loop = asyncio.get_running_loop()
            loop.call_later(_WAIT_REASON_S, self._tell_loss, address, name, lost)

    def remove_worker(self, scheduler: Scheduler, worker: str, **kwargs: Any) -> None:
        """Forget its name."""
        self._names.pop(worker, None)

    def take(self, complaints: Collection[Complaint]) -> None:
        """Take complaints: those of this process come without an event."""
        for complaint in complaints:
            node = complaint.node or complaint.worker.rpartition("/")[0] or self._own
            self._digest.take(replace(complaint, node=node))
        if complaints and not self._is_awaited:
            self._await()

    def _tell_loss(self, address: str, name: str, lost: Loss) -> None:
        is_memory = address in self._out_of_memory
        self._out_of_memory.pop(address, None)
        why = "has used more memory than it may" if is_memory else "has ended"
        self.take(
            [
                Complaint(
                    worker=name,
                    source="scheduler",
                    text=f"{why}: {lost}",
                    gist=why,
                    trouble="memory" if is_memory else "",
                )
            ]
        )

    def _await(self) -> None:
        wait_s = self._digest.wait_s(time.monotonic())
        self._is_awaited = wait_s is not None
        if wait_s is not None:
            asyncio.get_running_loop().call_later(max(_SOON_S, wait_s), self._publish)

    def _publish(self) -> None:
        told = [replace(one, id=uuid.uuid4().hex) for one in self._digest.tell(time.monotonic())]
        if told:
            self._scheduler.log_event(TOPIC, to_message(told))
        self._await()
