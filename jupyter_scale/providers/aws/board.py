"""What the parts of a provisioner share: what is known of each instance, and who is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jupyter_scale.model.cluster import NodeState, Rental, Status
from jupyter_scale.providers.aws.cloud import Cloud
from jupyter_scale.providers.aws.journal import Journal
from jupyter_scale.providers.aws.launching import Plan
from jupyter_scale.providers.aws.limits import Until
from jupyter_scale.providers.aws.naming import Identity
from jupyter_scale.providers.aws.options import Settings
from jupyter_scale.providers.aws.slots import Phase, Slot
from jupyter_scale.providers.provider import NodeSeen


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
    spent_usd : float
        What those have cost that it has no more.
    """

    cloud: Cloud
    settings: Settings
    identity: Identity
    directory: Path
    orphan_after_s: float
    spent_usd: float = 0.0


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
    forget : callable
        Told a machine that has gone.
    limit : callable
        Told nodes whose limits have changed.
    """

    plan: Callable[[], Plan]
    has_news: Callable[[], None]
    begin: Callable[[NodeState], None]
    look: Callable[[NodeState], NodeSeen]
    is_linked: Callable[[str], bool]
    disturb: Callable[[str], None]
    forget: Callable[[str], None]
    limit: Callable[[Sequence[NodeState], Until], None]


class Board:
    """The slots of one cluster, its site, and who is told of changes.

    Parameters
    ----------
    site : Site
        Where, and whose.
    hooks : Hooks
        Who else has to do with the instances.

    Attributes
    ----------
    slots : dict
        ``node → slot``; changed by the provisioner's thread only.
    untold : set of str
        Nodes whose instances were launched with other limits, and could not be told yet.
    hosts_gone : dict
        ``machine → why it has gone``.
    closing : Event
        Set when all is let go.
    """

    def __init__(self, site: Site, hooks: Hooks) -> None:
        self.site, self.hooks = site, hooks
        self.slots: dict[str, Slot] = {}
        self.untold: set[str] = set()
        self.hosts_gone: dict[str, str] = {}
        self.closing = threading.Event()

    def put(self, slot: Slot) -> None:
        """Take what is known of a node's instance, and tell."""
        self.slots[slot.node.name] = slot
        self.hooks.has_news()

    def lose(self, host: str, why: str) -> None:
        """Take note that a machine has gone."""
        self.hosts_gone[host] = why
        self.hooks.forget(host)

    def there(self) -> list[Slot]:
        """Return the slots whose instances have an address."""
        return [slot for slot in self.slots.values() if slot.phase is Phase.THERE]

    def wanted(self) -> list[Slot]:
        """Return the slots for which instances have to be asked for."""
        return [slot for slot in self.slots.values() if slot.phase is Phase.WANTED]

    def take(self, site: Site) -> None:
        """Take other limits; those that run are told by whoever changed them."""
        self.site = site
        self.untold |= {slot.node.name for slot in self.slots.values() if not slot.node.pid}


def first_slot(node: NodeState, journal: Journal | None) -> Slot:
    """Return how far a node was left by whoever had it before. Pure."""
    assert node.machine is not None  # noqa: S101 - this provider has made it
    rental = node.machine.rental or Rental()
    if node.status is Status.FAILED:
        spent = Rental(spent_usd=rental.spent_usd)
        return replace(Slot(node, Phase.WANTED).with_rental(spent), news="starting it again")
    if node.machine.host:
        return Slot(node, Phase.THERE)
    is_asked = journal is not None and journal.latest_of(node.name) is not None
    return Slot(node, Phase.ASKED if is_asked else Phase.WANTED)
