"""The seam to providers whose nodes can come and go while a cluster runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_scale.model.cluster import NodeState
    from jupyter_scale.providers.provider import Request


@runtime_checkable
class Elastic(Protocol):
    """What such a provider does besides what every `Provider` does."""

    def more(self, request: Request, pool: str, count: int) -> Sequence[NodeState]:
        """Return further nodes of a pool, of which nothing is begun.

        Raises
        ------
        ClusterError
            When there can be none.
        """
        ...

    def exchange(
        self, request: Request, nodes: Sequence[NodeState], parting: Sequence[NodeState]
    ) -> None:
        """Begin those nodes that are new or have failed, and end those that part; return at once.

        Parameters
        ----------
        nodes : sequence of NodeState
            All that the cluster has by now, saved already.
        parting : sequence of NodeState
            Those that it has no more: they end when what they hold is with others.
        """
        ...
