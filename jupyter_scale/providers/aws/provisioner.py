"""Keeps an instance behind each node: asks for them, looks after them, asks again, in one thread.

Whatever is asked for is in the journal before. The thread asks AWS about all instances by one call,
often while something is on its way and rarely afterwards. When AWS cannot be asked, what runs goes
on: only new instances need it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jupyter_scale.errors import AwsError, AwsUnreachable
from jupyter_scale.model.cluster import NodeState, Rental, Status
from jupyter_scale.model.cost import ended, show_usd
from jupyter_scale.model.profile import Profile
from jupyter_scale.providers.aws import journal as journals
from jupyter_scale.providers.aws import limits as limiting
from jupyter_scale.providers.aws.cloud import Cloud
from jupyter_scale.providers.aws.instances import Instance, look_up, terminate
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
from jupyter_scale.providers.aws.naming import CLUSTER, Identity, client_token
from jupyter_scale.providers.aws.network import Doorway
from jupyter_scale.providers.aws.options import PoolWish, Settings
from jupyter_scale.providers.aws.refusals import Asked
from jupyter_scale.providers.aws.slots import (
    MOST_REFILLS,
    Phase,
    Slot,
    failure_of,
    left,
    of_launches,
    seen,
)
from jupyter_scale.providers.aws.userdata import user_data
from jupyter_scale.providers.provider import Failure, NodeSeen

_logger = logging.getLogger(__name__)

SETTLES_S = 15.0
"""So long AWS may not yet tell of an instance that it has launched."""

_OFTEN_S = (0.5, 0.5, 1.0, 1.0, 2.0, 3.0)
_RARELY_S = 30.0
_GLANCE_S = 1.0
_BROKEN_S = 3.0
_HANDS_OVER_S = 70.0
_JOIN_S = 60.0
_MOST_TROUBLES = 4


@dataclass(frozen=True)
class Site:
    """Where a cluster's instances are, and whose they are.

    Parameters
    ----------
    cloud : Cloud
        Where.
    settings : Settings
        What the profile says.
    identity : Identity
        Whose they are.
    directory : Path
        The cluster's.
    orphan_after_s : float
        After so long without an owner they end.
    """

    cloud: Cloud
    settings: Settings
    identity: Identity
    directory: Path
    orphan_after_s: float


@dataclass(frozen=True)
class Hooks:
    """What the provisioner tells, and asks, whoever has the machines.

    Parameters
    ----------
    plan : callable
        Returns what launches need to know.
    has_news : callable
        Told that a slot changed.
    begin : callable
        Told which node's machine is there.
    look : callable
        Returns what is seen of a node's machine.
    is_linked : callable
        Tells whether there is a connection to a node.
    disturb : callable
        Told a node whose instance has gone.
    limit : callable
        Told nodes whose limits have to be lowered before others are launched.
    """

    plan: Callable[[], Plan]
    has_news: Callable[[], None]
    begin: Callable[[NodeState], None]
    look: Callable[[NodeState], NodeSeen]
    is_linked: Callable[[str], bool]
    disturb: Callable[[str], None]
    limit: Callable[[Sequence[NodeState], limiting.Until], None]


class Provisioner:
    """Instances for the nodes of one cluster.

    Parameters
    ----------
    site : Site
        Where, and whose.
    hooks : Hooks
        Who else has to do with them.
    nodes : sequence of NodeState
        As they are known.

    Attributes
    ----------
    site : Site
        May be replaced when the profile's limits change.
    profile : Profile, optional
        What `site` comes from.
    """

    profile: Profile | None = None

    def __init__(self, site: Site, hooks: Hooks, nodes: Sequence[NodeState]) -> None:
        self.site, self._hooks = site, hooks
        self._journal = journals.load(site.directory)
        self._slots = {node.name: self._slot(node) for node in nodes}
        self._hosts_gone: dict[str, str] = {}
        self._asked_at: dict[str, float] = {}
        self._noticed_at: dict[str, float] = {}
        self._leaving: set[str] = set()
        self._has_door = False
        self._closing = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"jupyter-scale instances {site.identity.cluster}", daemon=True
        )

    # -- for its owner -----------------------------------------------------------------------

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def slot(self, name: str) -> Slot | None:
        """Return what is known of a node's instance."""
        return self._slots.get(name)

    def why_gone(self, host: str) -> str:
        """Return why a machine has gone, an empty text when it has not as far as is known."""
        return self._hosts_gone.get(host, "")

    def close(self) -> None:
        """Let go; the instances go on. A call of AWS that is under way comes to its end before."""
        self._closing.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(_JOIN_S)

    def hurry(self) -> None:
        """Look at once."""
        self._wake.set()

    # -- in its thread -----------------------------------------------------------------------

    def _slot(self, node: NodeState) -> Slot:
        """Return how far a node was left."""
        assert node.machine is not None  # noqa: S101 - this provider has made it
        rental = node.machine.rental or Rental()
        if node.status is Status.FAILED:
            spent = Rental(spent_usd=rental.spent_usd)
            return replace(Slot(node, Phase.WANTED).with_rental(spent), news="starting it again")
        if node.machine.host:
            return Slot(node, Phase.THERE)
        launches = () if self._journal is None else self._journal.launches
        is_asked = any(node.name in one.nodes and not one.is_refused for one in launches)
        return Slot(node, Phase.ASKED if is_asked else Phase.WANTED)

    def _run(self) -> None:
        for slot in list(self._slots.values()):
            if slot.phase is Phase.THERE:
                self._hooks.begin(slot.node)
        quiet = troubles = 0
        while not self._closing.is_set():
            before = dict(self._slots)
            try:
                self._step()
                troubles = 0
            except AwsError as error:
                troubles += 1
                if not isinstance(error, AwsUnreachable) or troubles >= _MOST_TROUBLES:
                    self._despair(error)
            except Exception as error:  # else a start would wait for nobody
                _logger.exception("instances of %s", self.site.identity.cluster)
                self._despair(AwsError("the instances", f"{type(error).__name__}: {error}"))
            is_changed = before != self._slots
            if is_changed:
                self._hooks.has_news()
            quiet = 0 if is_changed else quiet + 1
            self._rest(self._pause_s(quiet))

    def _rest(self, pause_s: float) -> None:
        """Wait for so long, or until a node has handed over what it had."""
        until = time.monotonic() + pause_s
        while (rest_s := until - time.monotonic()) > 0 and not self._closing.is_set():
            if self._wake.wait(min(rest_s, _GLANCE_S)):
                self._wake.clear()
                return
            there = [s for s in self._slots.values() if s.phase is Phase.THERE]
            if any(self._has_left(slot, self._hooks.look(slot.node)) for slot in there):
                return
            is_early = rest_s > pause_s - _BROKEN_S
            if not is_early and not all(self._hooks.is_linked(s.node.name) for s in there):
                return

    def _has_left(self, slot: Slot, there: NodeSeen) -> bool:
        """Tell whether a node had a notice, and holds nothing any more."""
        if not there.is_leaving or not _is_of(there, slot):
            return False
        node = there.node or slot.node
        if node.has_scheduler or slot.refills >= MOST_REFILLS:
            return False
        since = self._noticed_at.setdefault(slot.rental.instance, time.monotonic())
        return not there.workers or time.monotonic() > since + _HANDS_OVER_S

    def _pause_s(self, quiet: int) -> float:
        under_way = (Phase.WANTED, Phase.ASKED, Phase.BOOTING)
        if any(slot.phase in under_way for slot in self._slots.values()):
            return _OFTEN_S[min(quiet, len(_OFTEN_S) - 1)]
        is_starting = any(
            slot.phase is Phase.THERE and slot.node.pid == 0 for slot in self._slots.values()
        )
        return _OFTEN_S[-1] if is_starting else _RARELY_S

    def _step(self) -> None:
        wanted = [slot for slot in self._slots.values() if slot.phase is Phase.WANTED]
        if wanted:
            self._launch(wanted)
        if self._journal is not None and not self._closing.is_set():
            self._look()

    def _put(self, slot: Slot) -> None:
        self._slots[slot.node.name] = slot
        self._hooks.has_news()

    def _despair(self, error: AwsError) -> None:
        """Give up what is not there yet; what runs needs nothing of AWS."""
        for slot in list(self._slots.values()):
            if slot.phase in (Phase.WANTED, Phase.ASKED, Phase.BOOTING):
                self._put(slot.failed(failure_of(error)))
            elif slot.phase is Phase.THERE:
                self._put(replace(slot, news=f"AWS cannot be asked: {error.why}"))

    # -- launching ---------------------------------------------------------------------------

    def _launch(self, wanted: Sequence[Slot]) -> None:
        plan = self._hooks.plan()
        site = self.site
        now = site.cloud.now
        journal = self._journal or Journal(
            site.settings.region,
            site.settings.aws_profile,
            site.settings.security_group_id,
            is_own_group=not site.settings.security_group_id,
        )
        limiting.require_prices(site.settings, plan)
        others = [s for s in self._slots.values() if s.phase is Phase.THERE]
        new = [limiting.planned(slot.rental, plan, slot.node.pool) for slot in wanted]
        until = limiting.until_of(site.settings, [*(s.rental for s in others), *new], now)
        limiting.require_time(until, now)
        if others and site.settings.max_cost is not None:
            self._hooks.limit([slot.node for slot in others], until)
        tags = site.identity.tags(now, until.at)
        self._save(journal, is_first=self._journal is None)
        if not self._has_door:
            door = Doorway(site.cloud, site.settings, site.directory, site.identity.resource, tags)
            self._journal = door.make(journal)
            self._has_door = True
        for pool in site.settings.pools:
            of_pool = [slot for slot in wanted if slot.node.pool == pool.name]
            if of_pool and not self._closing.is_set():
                try:
                    self._launch_pool(pool, of_pool, plan, tags, until)
                except AwsError as error:
                    for slot in of_pool:
                        self._put(slot.failed(failure_of(error)))

    def _launch_pool(
        self,
        pool: PoolWish,
        slots: Sequence[Slot],
        plan: Plan,
        tags: Sequence[dict[str, str]],
        until: limiting.Until,
    ) -> None:
        tried: list[tuple[Offer, AwsError]] = []
        for offer in offers(pool, plan.kinds):
            if self._closing.is_set():
                return
            try:
                self._ask(offer, pool, slots, plan, tags, until)
            except AwsError as error:
                if not is_worth_another_try(error):
                    raise
                tried.append((offer, error))
                continue
            return
        raise why_none(pool, tried)

    def _ask(
        self,
        offer: Offer,
        pool: PoolWish,
        slots: Sequence[Slot],
        plan: Plan,
        tags: Sequence[dict[str, str]],
        until: limiting.Until,
    ) -> None:
        """Ask for a pool's instances in one way.

        Raises
        ------
        AwsError
            When AWS says no; that is in the journal, too.
        """
        site, journal = self.site, self._journal
        assert journal is not None  # noqa: S101 - it was written before
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
            self._put(slot.launched(launch, now))
        self._asked_at[launch.token] = time.monotonic()
        limits = limiting.limits_of(
            site.identity.cluster, until, site.orphan_after_s, now, is_spot=offer.is_spot
        )
        terms = Terms(
            least=len(slots) if len(slots) < pool.count else pool.minimum,
            key=site.identity.resource,
            group=self._known_journal.group_id,
            user_data=user_data(limits, host_key(site.directory), image.user),
            tags=tags,
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
                self._save(self._known_journal.with_launch(replace(launch, is_refused=True)))
            raise

    @property
    def _known_journal(self) -> Journal:
        assert self._journal is not None  # noqa: S101 - it was written before
        return self._journal

    def _save(self, journal: Journal, *, is_first: bool = False) -> None:
        """Write the journal down, unless somebody has ended the cluster meanwhile."""
        if not is_first and journals.is_empty(self.site.directory):
            raise AwsError("the cluster", "it was ended meanwhile")
        journals.save(self.site.directory, journal)
        self._journal = journal

    # -- looking -----------------------------------------------------------------------------

    def _look(self) -> None:
        cloud, journal = self.site.cloud, self._known_journal
        instances = look_up(cloud, CLUSTER, self.site.identity.cluster)
        found = of_launches(journal, instances)
        surplus = {one.id for one in instances if not one.is_ending}
        for name, slot in list(self._slots.items()):
            theirs = self._of_slot(slot, found.get(name, []))
            if theirs is not None:
                surplus.discard(theirs[0].id)
            self._update(slot, theirs)
        self._end(sorted(surplus - self._leaving))

    def _of_slot(
        self, slot: Slot, ones: Sequence[tuple[Instance, Launch]]
    ) -> tuple[Instance, Launch] | None:
        """Return the instance behind a slot, as far as AWS tells of it."""
        if slot.rental.instance:
            return next((one for one in ones if one[0].id == slot.rental.instance), None)
        return ones[-1] if slot.phase is Phase.ASKED and ones else None

    def _update(self, slot: Slot, theirs: tuple[Instance, Launch] | None) -> None:
        """Do what a look at one instance calls for."""
        if slot.phase in (Phase.WANTED, Phase.FAILED):
            return
        if theirs is None:
            if slot.phase is Phase.ASKED and self._is_settled(slot):
                failure = Failure(
                    f"node {slot.node.name}",
                    "AWS has launched fewer instances than were asked for",
                    next_step="`%scale up` with the profile's name asks for the rest.",
                    happened="did not start",
                )
                self._put(slot.failed(failure))
            return
        instance, launch = theirs
        there = self._hooks.look(slot.node) if slot.phase is Phase.THERE else None
        if there is not None and there.node is not None and _is_of(there, slot):
            slot = replace(slot, node=there.node)
        now = self.site.cloud.now
        is_public = self.site.settings.is_public
        new = seen(slot, instance, launch, is_public=is_public, now=now)
        if there is not None and self._has_left(slot, there):
            self._leaving.add(instance.id)
            new = left(slot, now)
        if new is not slot:
            self._replace(slot, new, instance)
        elif there is not None and not _is_of(there, slot):
            self._hooks.disturb(slot.node.name)  # its predecessor's may be there yet
            self._hooks.begin(slot.node)
        elif there is not None and not there.is_alive and there.failures:
            # It costs, and is of no use.
            self._put(new.with_rental(ended(new.rental, now)).failed(there.failures[-1]))
            self._end([instance.id])
        else:
            self._slots[new.node.name] = new

    def _replace(self, old: Slot, new: Slot, instance: Instance) -> None:
        if old.host and old.host != new.host:
            self._hosts_gone[old.host] = instance.why or "it has ended"
        if new.host:
            self._hosts_gone.pop(new.host, None)  # an address may come back
        self._put(new)
        if old.host and old.host != new.host:
            self._hooks.disturb(new.node.name)
        if new.phase is Phase.THERE:
            self._hooks.begin(new.node)

    def _is_settled(self, slot: Slot) -> bool:
        """Tell whether AWS has had the time to tell of what it launched."""
        tokens = [
            one.token
            for one in self._known_journal.launches
            if slot.node.name in one.nodes and not one.is_refused
        ]
        if not tokens:
            return True
        asked_at = self._asked_at.setdefault(tokens[-1], time.monotonic())
        return time.monotonic() > asked_at + SETTLES_S

    def _end(self, ids: Sequence[str]) -> None:
        if ids:
            terminate(self.site.cloud, ids)


def _is_of(there: NodeSeen, slot: Slot) -> bool:
    """Tell whether what is seen is of the machine that is behind a slot now."""
    machine = None if there.node is None else there.node.machine
    if there.node is None or machine is None or machine.host != slot.host:
        return False
    return there.node.instance == slot.rental.instance
