"""The survey of a cluster, made where its scheduler is: each node's workers, machine and GPUs.

Whoever asks names the nodes that matter. Workers have told their scheduler of themselves; of a
machine and its GPUs one worker of each node is asked, and only of those nodes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from jupyter_scale.monitor.gpus import GpuReader
from jupyter_scale.monitor.gpuwatch import GpuWatch
from jupyter_scale.monitor.machine import TrafficReader

if TYPE_CHECKING:
    from distributed import Scheduler
    from distributed.scheduler import WorkerState

LOOK = "jupyter_scale_look"
"""The scheduler's handler that answers with ``idle_since_s`` and ``nodes``, see `Survey.look`."""

ABOUT_MACHINE = "jupyter_scale_machine"
"""The workers' handler that answers with what a `MachineWatch` sees."""

_TIMEOUT_S = 2.0


class MachineWatch:
    """Looks at the machine that it is on."""

    def __init__(self) -> None:
        self._gpus, self._traffic = GpuWatch(GpuReader().read), TrafficReader()

    async def look(self) -> dict[str, Any]:
        """Return ``traffic`` and ``gpus`` as plain values."""
        gpus = [asdict(gpu) for gpu in await self._gpus.look()]
        return {"traffic": list(self._traffic.read()), "gpus": gpus}


class Survey:
    """Looks at all nodes of a cluster, from the one with its scheduler.

    Parameters
    ----------
    scheduler : Scheduler
        Which knows the workers.
    own : str
        The name of the node that this process keeps.
    machine : MachineWatch
        Looks at this machine.
    idle_since : callable
        Since when nothing ran, in Unix seconds; None while something does.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        own: str,
        machine: MachineWatch,
        idle_since: Callable[[], float | None],
    ) -> None:
        self._scheduler, self._own = scheduler, own
        self._machine, self._idle_since = machine, idle_since

    async def look(self, nodes: Collection[str] | None = None) -> dict[str, Any]:
        """Return what is to be known of some nodes, by default of all.

        ``nodes`` has for each of them ``workers``, how many of these are ``busy``, their load
        ``cpu``, ``memory``, ``memory_limit``, and ``machine``: None when that did not answer.
        """
        own, wanted = self._own, None if nodes is None else set(nodes)
        workers = by_node(self._scheduler.workers.values(), own, wanted)
        machines = await self._machines_elsewhere(workers)
        if wanted is None or own in wanted:
            machines[own] = await self._machine.look()
        names = {*workers, *machines}
        return {
            "idle_since_s": self._idle_since(),
            "nodes": {
                name: {**load_of(workers.get(name, ())), "machine": machines.get(name)}
                for name in names
            },
        }

    async def _machines_elsewhere(
        self, workers: Mapping[str, Collection[WorkerState]]
    ) -> dict[str, Any]:
        asked = {n: next(iter(those)).address for n, those in workers.items() if n != self._own}
        if not asked:
            return {}
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                answers = await self._scheduler.broadcast(
                    msg={"op": ABOUT_MACHINE}, workers=list(asked.values()), on_error="ignore"
                )
        except (TimeoutError, OSError):
            return {}
        return {node: answers[address] for node, address in asked.items() if address in answers}


def by_node(
    workers: Iterable[WorkerState], own: str, wanted: Collection[str] | None
) -> dict[str, list[WorkerState]]:
    """Return workers by their node, whose name theirs begin with; a sole node's are its own."""
    found: dict[str, list[WorkerState]] = {}
    for worker in workers:
        node = str(worker.name).rpartition("/")[0] or own
        if wanted is None or node in wanted:
            found.setdefault(node, []).append(worker)
    return found


def load_of(workers: Collection[WorkerState]) -> dict[str, Any]:
    """Return the load of a node's workers, summed."""
    metrics = [worker.metrics for worker in workers]
    return {
        "workers": len(workers),
        "busy": sum(1 for worker in workers if worker.processing),
        "cpu": float(sum(each.get("cpu") or 0.0 for each in metrics)),
        "memory": int(sum(each.get("memory") or 0 for each in metrics)),
        "memory_limit": int(sum(worker.memory_limit or 0 for worker in workers)),
    }
