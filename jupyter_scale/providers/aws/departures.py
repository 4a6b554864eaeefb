"""Nodes that leave while the cluster goes on: first they hand over what their workers hold."""

from __future__ import annotations

import time
from collections.abc import Iterable

from jupyter_scale.model.cluster import NodeState
from jupyter_scale.providers.aws.board import Board
from jupyter_scale.providers.aws.slots import MOST_REFILLS, Slot, is_of
from jupyter_scale.providers.provider import NodeSeen

_HANDS_OVER_S = 70.0


class Departures:
    """Who leaves: taken away by AWS after a notice, or given up by the cluster's owner.

    Parameters
    ----------
    board : Board
        What is known of all.

    Attributes
    ----------
    replaced : set of str
        Instances that were taken away, and whose nodes have others by now: they end by themselves.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self.replaced: set[str] = set()
        self._noticed_at: dict[str, float] = {}
        self._given_up: dict[str, tuple[NodeState, float]] = {}

    def give_up(self, nodes: Iterable[NodeState]) -> None:
        """Let nodes go that the cluster has no more, and whose workers were told to leave."""
        until = time.monotonic() + _HANDS_OVER_S
        for node in nodes:
            if (instance := _instance_of(node)) and instance not in self._given_up:
                self._given_up[instance] = node, until

    @property
    def given_up(self) -> list[NodeState]:
        """Those that have been given up, and may hold something."""
        return [node for node, _ in list(self._given_up.values())]

    def has_left(self, slot: Slot, there: NodeSeen) -> bool:
        """Tell whether a node had a notice, and holds nothing any more."""
        if not there.is_leaving or not is_of(there, slot):
            return False
        node = there.node or slot.node
        if node.has_scheduler or slot.refills >= MOST_REFILLS:
            return False
        since = self._noticed_at.setdefault(slot.rental.instance, time.monotonic())
        return not there.workers or time.monotonic() > since + _HANDS_OVER_S

    def are_waited_for(self) -> bool:
        """Tell whether one has handed over all that it had, and can be ended."""
        return any(not self._holds(*one) for one in list(self._given_up.values()))

    def release(self) -> set[str]:
        """Let go of those that hold nothing any more; return the instances that still do."""
        for instance, (node, until) in list(self._given_up.items()):
            if not self._holds(node, until):
                del self._given_up[instance]
                if node.machine is not None:
                    self._board.lose(node.machine.host, "it was given up")
                self._board.hooks.disturb(node.name)
        return set(self._given_up)

    def _holds(self, node: NodeState, until: float) -> bool:
        return time.monotonic() < until and bool(self._board.hooks.look(node).workers)


def _instance_of(node: NodeState) -> str:
    rental = None if node.machine is None else node.machine.rental
    return "" if rental is None else rental.instance
