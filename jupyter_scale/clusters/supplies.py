"""What a node has: told by its machine when it was brought up; of this one looked up."""

from __future__ import annotations

from functools import cache

import psutil

from jupyter_scale.clusters.placing import Supply
from jupyter_scale.model.cluster import NodeState
from jupyter_scale.monitor.gpus import GpuReader


def supply_of(node: NodeState) -> Supply:
    """Return what a node has."""
    if node.machine is not None:
        return Supply(node.machine.gpus, node.workers, node.machine.memory_bytes)
    return Supply(_own_gpus(), node.workers, psutil.virtual_memory().total)


@cache
def _own_gpus() -> int:
    return len(GpuReader().read())
