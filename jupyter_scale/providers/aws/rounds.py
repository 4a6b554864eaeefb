"""A round: one question to AWS about all instances of a cluster, and what each answer calls for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from jupyter_scale.providers.aws.board import Board
from jupyter_scale.providers.aws.departures import Departures
from jupyter_scale.providers.aws.instances import Instance, look_up, terminate
from jupyter_scale.providers.aws.journal import Launch
from jupyter_scale.providers.aws.naming import CLUSTER
from jupyter_scale.providers.aws.ordering import Orders
from jupyter_scale.providers.aws.slots import (
    Phase,
    Slot,
    is_of,
    left,
    of_launches,
    one_of,
    seen,
)
from jupyter_scale.providers.provider import Failure, NodeSeen

#: So long after a spot instance died on us AWS may say that it took it away.
_TOLD_S = 10.0


class Rounds:
    """Looks after the instances of one cluster.

    Parameters
    ----------
    board : Board
        What is known of them.
    orders : Orders
        What was asked for.
    departures : Departures
        Who leaves.
    """

    def __init__(self, board: Board, orders: Orders, departures: Departures) -> None:
        self._board, self._orders, self._departures = board, orders, departures
        self._dead_since: dict[str, float] = {}

    def look(self) -> None:
        """Ask about all instances; end those that no node has.

        Raises
        ------
        AwsError
            When AWS cannot be asked.
        """
        board, journal = self._board, self._orders.known_journal
        # Before the question: a node that is dead by AWS's answer may have died since.
        heard = {slot.node.name: board.hooks.look(slot.node) for slot in board.there()}
        instances = look_up(board.site.cloud, CLUSTER, board.site.identity.cluster)
        found = of_launches(journal, instances)
        surplus = {one.id for one in instances if not one.is_ending}
        for name, slot in list(board.slots.items()):
            theirs = one_of(slot, found.get(name, []), journal.latest_of(name))
            if theirs is not None:
                surplus.discard(theirs[0].id)
            self._update(slot, theirs, heard.get(name))
        self._end(sorted(surplus - self._departures.replaced - self._departures.release()))

    def _update(
        self, slot: Slot, theirs: tuple[Instance, Launch] | None, there: NodeSeen | None
    ) -> None:
        """Do what a look at one instance, and what was heard of its node, call for."""
        slot = replace(slot, trouble="")
        if slot.phase in (Phase.WANTED, Phase.FAILED):
            return
        board = self._board
        if theirs is None:
            if slot.phase is Phase.ASKED and self._orders.is_settled(slot.node.name):
                failure = Failure(
                    f"node {slot.node.name}",
                    "AWS has launched fewer instances than were asked for",
                    next_step="`%scale up` with the profile's name asks for the rest.",
                    happened="did not start",
                )
                board.put(slot.failed(failure))
            return
        instance, launch = theirs
        if there is not None and there.node is not None and is_of(there, slot):
            slot = replace(slot, node=there.node)
        now = board.site.cloud.now
        is_public = board.site.settings.is_public
        new = seen(slot, instance, launch, is_public=is_public, now=now)
        if there is not None and self._departures.has_left(slot, there):
            self._departures.replaced.add(instance.id)
            new = left(slot, now)
        if new is not slot:
            self._replace(slot, new, instance)
        elif there is not None and not is_of(there, slot):
            board.hooks.disturb(slot.node.name)  # its predecessor's may be there yet
            board.hooks.begin(slot.node)
        elif there is not None and self._is_of_no_use(slot, there):
            board.put(new.failed(there.failures[-1], now))
            self._end([instance.id])
        else:
            board.slots[new.node.name] = new

    def _is_of_no_use(self, slot: Slot, there: NodeSeen) -> bool:
        """Tell whether an instance costs, and its node has failed for good."""
        if there.is_alive or not there.failures:
            return False
        if not (slot.rental.is_spot and slot.node.pid):
            return True
        since = self._dead_since.setdefault(slot.rental.instance, time.monotonic())
        return time.monotonic() > since + _TOLD_S

    def _replace(self, old: Slot, new: Slot, instance: Instance) -> None:
        board = self._board
        if old.host and old.host != new.host:
            board.lose(old.host, instance.why or "it has ended")
        if new.host:
            board.hosts_gone.pop(new.host, None)  # an address may come back
        board.put(new)
        if old.host and old.host != new.host:
            board.hooks.disturb(new.node.name)
        if new.phase is Phase.THERE:
            board.hooks.begin(new.node)

    def _end(self, ids: Sequence[str]) -> None:
        if ids:
            terminate(self._board.site.cloud, ids)
