"""Which nodes a cluster has for a number of workers, where nodes can come and go.

A node that is paid for has all its workers, unless the cluster shall have fewer than one node has.
The node with the scheduler stays, and those with runners as long as there are others to part with.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jupyter_scale.errors import ClusterError
from jupyter_scale.model.cluster import ClusterState, NodeState, Status
from jupyter_scale.model.cost import ended, rentals_of
from jupyter_scale.model.profile import Pool
from jupyter_scale.providers.elastic import Elastic
from jupyter_scale.providers.provider import load_provider

if TYPE_CHECKING:
    from jupyter_scale.clusters.steps import Performer
    from jupyter_scale.providers.provider import Provider

_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Sizing:
    """What becomes of a cluster's nodes.

    Parameters
    ----------
    kept : tuple of NodeState
        Those that stay, of all pools, with the workers that they shall have.
    parting : tuple of NodeState
        Those that end.
    pool : str
        The pool concerned.
    more : int
        How many nodes it gets besides.
    """

    kept: tuple[NodeState, ...]
    parting: tuple[NodeState, ...]
    pool: str
    more: int


def size(state: ClusterState, workers: int, pool: str = "") -> Sizing:
    """Return what becomes of the nodes of a pool that shall have so many workers. Pure.

    Raises
    ------
    ClusterError
        When it is not said which pool, or there is none of that name.
    """
    wish = _pool(state, pool)
    own = sorted(
        (node for node in state.nodes if node.pool == wish.name), key=lambda n: _rank(state, n)
    )
    usual = _usual(wish, own)
    slots = {node.name: wish.workers or _cores(node) or usual for node in own}
    stays: list[NodeState] = []
    for node in own:
        if sum(slots[one.name] for one in stays) < workers:
            stays.append(node)
    missing = workers - sum(slots[one.name] for one in stays)
    more = -(-missing // usual) if missing > 0 else 0
    given = _spread(workers, [slots[node.name] for node in stays])
    shares = {
        node.name: share for node, share in zip(stays, given, strict=True) if node.workers
    }  # those whose cores are not known yet get what they have
    names = {node.name for node in stays}
    kept = [
        replace(node, workers=shares.get(node.name, node.workers))
        for node in state.nodes
        if node.pool != wish.name or node.name in names
    ]
    parting = [node for node in own if node.name not in names]
    return Sizing(tuple(kept), tuple(parting), wish.name, more)


def is_settled(nodes: Iterable[NodeState]) -> bool:
    """Tell whether all nodes that have not failed have the workers that they shall have. Pure."""
    going = [node for node in nodes if node.status is not Status.FAILED]
    return all(node.workers and node.joined == node.workers for node in going)


def patience_s(provider: Provider | str) -> float:
    """Return how long another number of workers may take."""
    provider = load_provider(provider) if isinstance(provider, str) else provider
    return provider.start_timeout_s if isinstance(provider, Elastic) else _PATIENCE_S


def resize(performer: Performer, provider: Elastic, workers: int, pool: str) -> None:
    """Have a cluster the nodes that it needs for so many workers; nothing is waited for.

    Raises
    ------
    ClusterError
        When that cannot be; then all is as it was.
    """
    state = performer.state
    sizing = size(state, workers, pool)
    new = provider.more(performer.request, sizing.pool, sizing.more) if sizing.more else ()
    before = {node.name: node.workers for node in state.nodes}
    for node in sizing.kept:
        if node.pid and node.workers != before[node.name]:
            performer.scale(node)
    now = time.time()
    spent_usd = sum(ended(rental, now).spent_usd for rental in rentals_of(sizing.parting))
    performer.change(nodes=(*sizing.kept, *new), spent_usd=state.spent_usd + spent_usd)
    has_failed = any(node.status is Status.FAILED for node in sizing.kept)
    if new or sizing.parting or has_failed:
        provider.exchange(performer.request, performer.state.nodes, sizing.parting)


def _pool(state: ClusterState, name: str) -> Pool:
    pools = {pool.name: pool for pool in state.profile.pools}
    if name in pools:
        return pools[name]
    names = ", ".join(pools)
    if name:
        raise ClusterError(f"Cluster {state.name} has no pool {name!r}; its pools are: {names}.")
    if len(pools) > 1:
        raise ClusterError(
            f"Cluster {state.name} has the pools {names}: say which one shall have another size,"
            f" such as `%scale scale {next(iter(pools))}=2`."
        )
    return next(iter(pools.values()))


def _rank(state: ClusterState, node: NodeState) -> tuple[bool, bool, bool, bool]:
    """Return what sorts nodes: those first that stay the longest."""
    directory = "" if node.machine is None else f"{node.machine.directory}/"
    runners = [one for one in state.runners if directory and one.directory.startswith(directory)]
    return (
        not node.has_scheduler,
        not runners,
        node.status is Status.FAILED,
        node.status is not Status.RUNNING,
    )


def _cores(node: NodeState) -> int:
    """Return how many workers a node has if nobody says otherwise, 0 while that is not known."""
    return node.workers if node.machine is None else node.machine.cores or node.workers


def _usual(wish: Pool, own: Sequence[NodeState]) -> int:
    """Return how many workers a further node will have, rather too few than too many."""
    known = [cores for node in own if (cores := _cores(node))]
    return wish.workers or min(known, default=1)


def _spread(workers: int, slots: Sequence[int]) -> list[int]:
    """Return how many workers each node gets, as evenly as they can have them."""
    given, left = [0] * len(slots), min(workers, sum(slots))
    while left:
        for index, most in enumerate(slots):
            if left and given[index] < most:
                given[index] += 1
                left -= 1
    return given
