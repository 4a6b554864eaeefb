"""Instances asked for: key pair and group before, one RunInstances for each pool, offers in turn.

Whatever is asked for is in the journal before. What runs is told its lower limits before more is
launched; what boots, as soon as it can be.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from jupyter_scale.errors import AwsError, AwsUnreachable, ClusterError
from jupyter_scale.model.cost import show_usd
from jupyter_scale.providers.aws import journal as journals
from jupyter_scale.providers.aws import limits as limiting
from jupyter_scale.providers.aws.board import Board
from jupyter_scale.providers.aws.journal import Journal, Launch
from jupyter_scale.providers.aws.keys import host_key
from jupyter_scale.providers.aws.launching import (
    Offer,
    Plan,
    Terms,
    is_worth_another_try,
    offers,
    run_parameters,
    why_none,
)
from jupyter_scale.providers.aws.naming import client_token
from jupyter_scale.providers.aws.network import Doorway
from jupyter_scale.providers.aws.options import PoolWish
from jupyter_scale.providers.aws.refusals import Asked
from jupyter_scale.providers.aws.slots import Phase, Slot, failure_of
from jupyter_scale.providers.aws.userdata import user_data

SETTLES_S = 15.0
"""So long AWS may not yet tell of an instance that it has launched."""


@dataclass(frozen=True)
class _Order:
    """What the launches of one moment have in common."""

    plan: Plan
    tags: Sequence[dict[str, str]]
    until: limiting.Until


class Orders:
    """Asks for the instances of one cluster.

    Parameters
    ----------
    board : Board
        What is known of them.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self.journal = journals.load(board.site.directory)
        self._asked_at: dict[str, float] = {}
        self._has_door = False

    def place(self, wanted: Sequence[Slot]) -> None:
        """Ask for the instances of slots; what is refused is in these.

        Raises
        ------
        AwsError
            When none can be asked for.
        ClusterError
            When one that runs cannot be told that it has to end earlier.
        """
        board, site = self._board, self._board.site
        plan = board.hooks.plan()
        now = site.cloud.now
        limiting.require_prices(site.settings, plan)
        names = {slot.node.name for slot in wanted}
        others = [slot for slot in board.slots.values() if slot.node.name not in names]
        new = [limiting.planned(slot.rental, plan, slot.node.pool) for slot in wanted]
        rentals = [*(slot.rental for slot in others), *new]
        until = limiting.until_of(site.settings, rentals, now, site.spent_usd)
        limiting.require_time(until, now)
        self._lower(others, until)
        order = _Order(plan, site.identity.tags(now, until.at), until)
        self._have_door(order)
        for pool in site.settings.pools:
            of_pool = [slot for slot in wanted if slot.node.pool == pool.name]
            if of_pool and not board.closing.is_set():
                try:
                    self._launch_pool(pool, of_pool, order)
                except AwsError as error:
                    for slot in of_pool:
                        board.put(slot.failed(failure_of(error)))

    def tell_untold(self) -> None:
        """Tell those their limits that could not be told before."""
        board, site = self._board, self._board.site
        ready = [
            slot.node
            for slot in board.there()
            if slot.node.name in board.untold and board.hooks.is_linked(slot.node.name)
        ]
        if not ready:
            return
        rentals = [slot.rental for slot in board.slots.values()]
        until = limiting.until_of(site.settings, rentals, site.cloud.now, site.spent_usd)
        with contextlib.suppress(ClusterError):  # the next time
            board.hooks.limit(ready, until)
            board.untold -= {node.name for node in ready}

    def is_settled(self, node: str) -> bool:
        """Tell whether AWS has had the time to tell of what it launched for a node."""
        launch = self.known_journal.latest_of(node)
        if launch is None:
            return True
        asked_at = self._asked_at.setdefault(launch.token, time.monotonic())
        return time.monotonic() > asked_at + SETTLES_S

    @property
    def known_journal(self) -> Journal:
        """What was asked for; something was."""
        assert self.journal is not None  # noqa: S101 - it was written before
        return self.journal

    def _lower(self, others: Sequence[Slot], until: limiting.Until) -> None:
        """Tell those that there are that they have to end earlier, as there will be more."""
        board = self._board
        if board.site.settings.max_cost is None:
            return
        there = [slot for slot in others if slot.phase is Phase.THERE and slot.node.pid]
        if there:
            board.hooks.limit([slot.node for slot in there], until)
        told = {slot.node.name for slot in there}
        board.untold |= {s.node.name for s in others if s.node.name not in told}

    def _have_door(self, order: _Order) -> None:
        """Have the journal, and in it key pair and group."""
        site = self._board.site
        journal = self.journal or Journal(
            site.settings.region,
            site.settings.aws_profile,
            site.settings.security_group_id,
            is_own_group=not site.settings.security_group_id,
        )
        self._save(journal, is_first=self.journal is None)
        if not self._has_door:
            resource = site.identity.resource
            door = Doorway(site.cloud, site.settings, site.directory, resource, order.tags)
            self.journal = door.make(journal)
            self._has_door = True

    def _launch_pool(self, pool: PoolWish, slots: Sequence[Slot], order: _Order) -> None:
        tried: list[tuple[Offer, AwsError]] = []
        for offer in offers(pool, order.plan.kinds):
            if self._board.closing.is_set():
                return
            try:
                self._ask(offer, pool, slots, order)
            except AwsError as error:
                if not is_worth_another_try(error):
                    raise
                tried.append((offer, error))
                continue
            return
        raise why_none(pool, len(slots), tried)

    def _ask(self, offer: Offer, pool: PoolWish, slots: Sequence[Slot], order: _Order) -> None:
        """Ask for a pool's instances in one way.

        Raises
        ------
        AwsError
            When AWS says no; that is in the journal, too.
        """
        site, journal, plan = self._board.site, self.known_journal, order.plan
        image = plan.images[pool.name, offer.kind]
        number = journal.next_number(pool.name)
        launch = Launch(
            pool=pool.name,
            number=number,
            token=client_token(site.identity.cluster, pool.name, number),
            nodes=tuple(slot.node.name for slot in slots),
            kind=offer.kind,
            zone=offer.zone,
            is_spot=offer.is_spot,
            usd_per_h=plan.prices.of(pool, offer.kind, is_spot=offer.is_spot).usd_per_h,
            dearest_usd_per_h=plan.prices.dearest(pool, offer.kind),
            user=image.user,
            asked_at=time.time(),
        )
        self._save(journal.with_launch(launch))
        now = site.cloud.now
        for slot in slots:
            self._board.put(slot.launched(launch, now))
        self._asked_at[launch.token] = time.monotonic()
        limits = limiting.limits_of(
            site.identity.cluster, order.until, site.orphan_after_s, now, is_spot=offer.is_spot
        )
        terms = Terms(
            least=pool.minimum if len(slots) == pool.count else len(slots),
            key=site.identity.resource,
            group=self.known_journal.group_id,
            user_data=user_data(limits, host_key(site.directory), image.user),
            tags=order.tags,
        )
        parameters = run_parameters(launch, image, site.settings, terms)
        each = "" if launch.usd_per_h is None else f", {show_usd(launch.usd_per_h)} an hour each"
        asked = Asked(
            "RunInstances",
            site.settings.region,
            what=f"pool {pool.name} ({len(slots)} x {offer}{each})",
            kind=offer.kind,
            is_spot=offer.is_spot,
        )
        try:
            site.cloud.launch(asked, **parameters)
        except AwsError as error:
            if not isinstance(error, AwsUnreachable):  # else it may have them
                self._save(self.known_journal.with_launch(replace(launch, is_refused=True)))
            raise

    def _save(self, journal: Journal, *, is_first: bool = False) -> None:
        """Write the journal down, unless somebody has ended the cluster meanwhile."""
        if not is_first and journals.is_empty(self._board.site.directory):
            raise AwsError("the cluster", "it was ended meanwhile")
        journals.save(self._board.site.directory, journal)
        self.journal = journal
