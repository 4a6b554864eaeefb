"""Asking a cluster's nodes what runs have left there."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from jupyter_scale.errors import ClusterError
from jupyter_scale.runner.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_scale.clusters.cluster import Cluster
    from jupyter_scale.clusters.guest import Guest
    from jupyter_scale.model.cluster import ClusterState, NodeState
    from jupyter_scale.model.stored import StoredRun


@contextlib.contextmanager
def visiting(cluster: Cluster | Guest, node: NodeState) -> Iterator[Visitor]:
    """Let a node's librarian be asked.

    Raises
    ------
    ClusterError
        It cannot be started, or not be reached.
    """
    speaker = cluster.start_librarian(node)
    try:
        route = cluster.reach(speaker.wait_ready()["address"], node)
        try:
            visitor = Visitor(route.address, cluster.directory / "tls")
            try:
                yield visitor
            finally:
                visitor.close()
        finally:
            route.close()
    except OSError as error:
        raise ClusterError(
            f"The node {node.name} of {cluster.state.name} cannot be asked for its runs ({error})."
        ) from error
    finally:
        speaker.end(0.0)


def nodes_with_runs(state: ClusterState) -> list[NodeState]:
    """Return the nodes where cells run: of each pool the first, that of the scheduler first."""
    first: dict[str, NodeState] = {}
    for node in sorted(state.nodes, key=lambda node: not node.has_scheduler):
        first.setdefault(node.pool, node)
    return list(first.values())


def list_runs(cluster: Cluster | Guest) -> list[tuple[NodeState, StoredRun]]:
    """Return the runs that a cluster's nodes keep, the oldest first.

    Raises
    ------
    ClusterError
        A node cannot be asked.
    """
    found = []
    for node in nodes_with_runs(cluster.state):
        with visiting(cluster, node) as visitor:
            found += [(node, run) for run in visitor.runs()]
    return sorted(found, key=lambda pair: pair[1].started_at)
