"""On which node a cell runs that asks for something. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from jupyter_scale.errors import UsageError
from jupyter_scale.model.cluster import ClusterState, NodeState, Status
from jupyter_scale.model.run import format_bytes


@dataclass(frozen=True)
class Need:
    """What a cell asks for.

    Parameters
    ----------
    pool : str
        The pool that it has to run on, any when empty.
    gpus, cpus, memory_bytes : int
        What its node must have at least.
    """

    pool: str = ""
    gpus: int = 0
    cpus: int = 0
    memory_bytes: int = 0

    def __bool__(self) -> bool:
        return self != Need()

    def __str__(self) -> str:
        parts = [
            f"--on {self.pool}" if self.pool else "",
            f"--gpu {self.gpus}" if self.gpus else "",
            f"--cpus {self.cpus}" if self.cpus else "",
            f"--memory {format_bytes(self.memory_bytes)}" if self.memory_bytes else "",
        ]
        return " ".join(filter(None, parts))


NOTHING = Need()
"""What most cells ask for."""


@dataclass(frozen=True)
class Supply:
    """What a node has."""

    gpus: int
    cpus: int
    memory_bytes: int


@dataclass(frozen=True)
class Chosen:
    """Where a cell runs.

    Parameters
    ----------
    node : NodeState
        The node whose runner has it.
    spread_to : tuple of str
        The nodes to which its loops spread; all when empty.
    """

    node: NodeState
    spread_to: tuple[str, ...] = ()


def choose(state: ClusterState, need: Need, supply_of: Callable[[NodeState], Supply]) -> Chosen:
    """Return the node for a cell: that with the scheduler if it will do, else the first that does.

    Loops of a cell that asks for something spread over all nodes that have it.

    Parameters
    ----------
    state : ClusterState
        The cluster.
    need : Need
        What the cell asks for.
    supply_of : callable
        Returns what a node has.

    Raises
    ------
    UsageError
        When no node that runs has it: what there is instead.
    """
    able = [node for node in state.nodes if node.status is not Status.FAILED]
    if not need:
        node = state.head or next(iter(able), None)
        if node is None:
            raise UsageError(f"Cluster {state.name} has no node that runs: `%scale` tells why.")
        return Chosen(node)
    pools = {pool.name for pool in state.profile.pools}
    if need.pool and need.pool not in pools:
        raise UsageError(f"There is no pool {need.pool!r}; there are: {', '.join(sorted(pools))}.")
    fits = [node for node in able if _fits(node, need, supply_of(node))]
    if not fits:
        raise UsageError(f"No node has {need}. There are: {_list(able, supply_of)}.")
    node = next((node for node in fits if node.has_scheduler), fits[0])
    is_all = len(fits) == len(state.nodes)
    return Chosen(node, () if is_all else tuple(one.name for one in fits))


def _fits(node: NodeState, need: Need, supply: Supply) -> bool:
    return (
        (not need.pool or node.pool == need.pool)
        and supply.gpus >= need.gpus
        and supply.cpus >= need.cpus
        and supply.memory_bytes >= need.memory_bytes
    )


def _list(nodes: Iterable[NodeState], supply_of: Callable[[NodeState], Supply]) -> str:
    return ", ".join(
        f"{node.name} (pool {node.pool}, {has.gpus} GPUs, {has.cpus} workers,"
        f" {format_bytes(has.memory_bytes)})"
        for node in nodes
        for has in [supply_of(node)]
    )
