"""Nodes and the instances behind them: what has become of each, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from jupyter_scale.errors import AwsError
from jupyter_scale.model.cluster import Machine, NodeState, Rental, Status
from jupyter_scale.model.cost import ended
from jupyter_scale.providers.aws.instances import Instance
from jupyter_scale.providers.aws.journal import Journal, Launch
from jupyter_scale.providers.aws.reaching import host_of
from jupyter_scale.providers.provider import Failure, NodeSeen

MOST_REFILLS = 5


class Phase(Enum):
    """How far a node's instance has come."""

    WANTED = "wanted"  # to be asked for
    ASKED = "asked"  # AWS may have it, or not
    BOOTING = "booting"  # it has an id, and no address yet
    THERE = "there"  # it has an address
    FAILED = "failed"


@dataclass(frozen=True)
class Slot:
    """A node, and the instance behind it.

    Parameters
    ----------
    node : NodeState
        As it is known here: its machine is that of the instance.
    phase : Phase
        How far it is.
    news : str
        What is done about it, for people.
    failure : Failure, optional
        Why it failed.
    refills : int
        How many instances were taken away from it.
    trouble : str
        Why AWS cannot be asked about it just now, for people.
    """

    node: NodeState
    phase: Phase
    news: str = ""
    failure: Failure | None = None
    refills: int = 0
    trouble: str = ""

    @property
    def rental(self) -> Rental:
        """What it costs."""
        assert self.node.machine is not None  # noqa: S101 - this provider has made it
        return self.node.machine.rental or Rental()

    @property
    def host(self) -> str:
        """What its machine is called, empty while there is none."""
        return "" if self.node.machine is None else self.node.machine.host

    def with_rental(self, rental: Rental, host: str = "") -> Slot:
        """Return it with another machine behind it."""
        machine = Machine(host, rental=rental)
        node = replace(self.node, machine=machine, pid=0, created=0.0, joined=0, log="")
        return replace(self, node=node)

    def failed(self, failure: Failure, now: float | None = None) -> Slot:
        """Return it as failed: it has no instance any more.

        Parameters
        ----------
        now : float, optional
            Unix time by AWS's clock, when there may be one, which has to be ended.
        """
        spent = Rental(spent_usd=self.rental.spent_usd) if now is None else ended(self.rental, now)
        without = self.with_rental(spent)
        return replace(without, phase=Phase.FAILED, failure=failure, news="")

    def launched(self, launch: Launch, now: float) -> Slot:
        """Return it as asked for, by a launch of this moment."""
        rental = Rental(
            kind=launch.kind,
            zone=launch.zone,
            is_spot=launch.is_spot,
            usd_per_h=launch.usd_per_h,
            dearest_usd_per_h=launch.dearest_usd_per_h,
            launched_at=now,
            spent_usd=self.rental.spent_usd,
        )
        how = "spot " if launch.is_spot else ""
        news = f"asking for {len(launch.nodes)} x {how}{launch.kind}"
        return replace(self.with_rental(rental), phase=Phase.ASKED, news=news)


def new_node(name: str, pool: str, rental: Rental) -> NodeState:
    """Return a node of which nothing is begun, with what is known of its price."""
    return NodeState(
        name=name,
        pool=pool,
        pid=0,
        created=0.0,
        status=Status.STARTING,
        workers=0,
        machine=Machine("", rental=rental),
    )


def seen(slot: Slot, instance: Instance, launch: Launch, *, is_public: bool, now: float) -> Slot:
    """Return a slot after a look at its instance.

    Parameters
    ----------
    now : float
        Unix time by AWS's clock.
    """
    if instance.is_ending:
        return _without(slot, instance, now)
    address = instance.address(is_public=is_public)
    if slot.phase is Phase.THERE and slot.rental.instance == instance.id:
        return slot  # its machine is known to whoever listens to it
    rental = replace(
        slot.rental,
        instance=instance.id,
        kind=instance.kind or launch.kind,
        zone=instance.zone,
        address=instance.private,
        launched_at=instance.launched_at or slot.rental.launched_at,
    )
    if not address:
        news = f"{instance.id} ({instance.kind}) is {instance.state}"
        return replace(slot.with_rental(rental), phase=Phase.BOOTING, news=news)
    return replace(
        slot.with_rental(rental, host_of(launch.user, address)),
        phase=Phase.THERE,
        news=f"{instance.id} ({instance.kind}) boots",
    )


def _without(slot: Slot, instance: Instance, now: float) -> Slot:
    """Return a slot whose instance has ended: to be asked for again, or failed."""
    rental = ended(slot.rental, now)
    was_used = slot.phase is Phase.THERE and slot.node.pid != 0
    may_refill = was_used and not slot.node.has_scheduler and slot.refills < MOST_REFILLS
    if instance.was_taken_away and may_refill:
        refilled = slot.with_rental(rental)
        news = f"{instance.id} was taken away ({instance.why}): another one is asked for"
        return replace(refilled, phase=Phase.WANTED, news=news, refills=slot.refills + 1)
    when = "" if was_used else " while it started"
    failure = Failure(
        f"instance {instance.id}",
        instance.why or "AWS does not say why",
        next_step="`%scale up` with the profile's name asks for another."
        if not slot.node.has_scheduler
        else "It had the scheduler, so the cluster is over: start it again.",
        happened=f"has ended{when}",
    )
    return slot.failed(failure, now)


def left(slot: Slot, now: float) -> Slot:
    """Return a slot whose instance has got a notice, and holds nothing any more."""
    news = f"{slot.rental.instance} is taken away: another one is asked for"
    refilled = slot.with_rental(ended(slot.rental, now))
    return replace(refilled, phase=Phase.WANTED, news=news, refills=slot.refills + 1)


def of_launches(
    journal: Journal, instances: Iterable[Instance]
) -> Mapping[str, list[tuple[Instance, Launch]]]:
    """Return ``node → its instances``, the latest last."""
    found: dict[str, list[tuple[Instance, Launch]]] = {}
    for instance in instances:
        launch = journal.launch_of(instance.token)
        if launch is not None and instance.index < len(launch.nodes):
            found.setdefault(launch.nodes[instance.index], []).append((instance, launch))
    for ones in found.values():
        ones.sort(key=lambda one: (one[1].number, one[0].launched_at))
    return found


def one_of(
    slot: Slot, ones: Iterable[tuple[Instance, Launch]], latest: Launch | None
) -> tuple[Instance, Launch] | None:
    """Return the instance behind a slot, as far as AWS tells of it.

    Parameters
    ----------
    ones : iterable
        What was ever launched for its node: AWS tells for an hour of those that have ended.
    latest : Launch, optional
        What was asked for last.
    """
    if slot.rental.instance:
        return next((one for one in ones if one[0].id == slot.rental.instance), None)
    if slot.phase is not Phase.ASKED or latest is None:
        return None
    return next((one for one in ones if one[1].token == latest.token), None)


def is_of(there: NodeSeen, slot: Slot) -> bool:
    """Tell whether what is seen is of the machine that is behind a slot now."""
    machine = None if there.node is None else there.node.machine
    if there.node is None or machine is None or machine.host != slot.host:
        return False
    return there.node.instance == slot.rental.instance  # an address may be had by one after another


def failure_of(error: AwsError) -> Failure:
    """Return an error as the failure of a node."""
    return Failure(error.what, error.why, error.last_lines, error.next_step, error.happened)
