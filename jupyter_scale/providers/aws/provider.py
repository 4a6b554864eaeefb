"""Provider ``aws``: nodes are EC2 instances, which are launched, watched over, and ended."""

from __future__ import annotations

import contextlib
import getpass
import logging
import socket
import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from jupyter_scale.errors import AwsError, ClusterError
from jupyter_scale.model.cluster import Machine, NodeState, Rental, RunnerState
from jupyter_scale.model.cost import rentals_of
from jupyter_scale.providers.aws import journal as journals
from jupyter_scale.providers.aws import limits as limiting
from jupyter_scale.providers.aws.board import Hooks, Site
from jupyter_scale.providers.aws.cloud import Cloud
from jupyter_scale.providers.aws.ending import Remains, end_all
from jupyter_scale.providers.aws.instances import tag
from jupyter_scale.providers.aws.journal import Place
from jupyter_scale.providers.aws.kinds import look_up_images, look_up_kinds, why_no_gpu
from jupyter_scale.providers.aws.launching import Plan
from jupyter_scale.providers.aws.naming import EXPIRES, Identity, next_names, node_names, show_time
from jupyter_scale.providers.aws.options import (
    CLUSTER_OPTIONS,
    POOL_OPTIONS,
    Settings,
    settings_of,
)
from jupyter_scale.providers.aws.ordering import SETTLES_S
from jupyter_scale.providers.aws.prices import look_up_prices, quote_of
from jupyter_scale.providers.aws.provisioner import Provisioner
from jupyter_scale.providers.aws.reaching import Access
from jupyter_scale.providers.aws.slots import Phase, is_of, new_node
from jupyter_scale.providers.aws.userdata import LIMITS
from jupyter_scale.providers.provider import NodeSeen, Request, Route
from jupyter_scale.providers.ssh.fleet import wait_all
from jupyter_scale.providers.ssh.machines import Machines

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from jupyter_scale.environment.host import Host
    from jupyter_scale.model.checkup import Check
    from jupyter_scale.model.cost import Quote
    from jupyter_scale.model.profile import Option, Profile, Value
    from jupyter_scale.providers.provider import Ask
    from jupyter_scale.transport.ssh.commands import RemoteChild

_logger = logging.getLogger(__name__)

_ORPHAN_AFTER_S = 2 * 3600.0
_DISMISS_S = 20.0


class AwsProvider:
    """Launches instances, brings nodes up on them, and ends them."""

    cluster_options: Mapping[str, Option] = CLUSTER_OPTIONS
    pool_options: Mapping[str, Option] = POOL_OPTIONS
    max_nodes: int | None = None
    start_timeout_s = 1700.0  # less than instances wait until they are heard for the first time
    outlives_kernels = True

    def __init__(self) -> None:
        self._access = Access(self._cloud, self._why_gone, self._was_reached)
        self._machines = Machines(self._access.connect)
        self._provisioner: Provisioner | None = None
        self._clouds: dict[Place, Cloud] = {}
        self._plan: Plan | None = None
        self._lock = threading.Lock()

    @property
    def ask(self) -> Ask | None:
        """Asks the user for a passphrase, given a prompt."""
        return self._machines.ask

    @ask.setter
    def ask(self, ask: Ask | None) -> None:
        self._machines.ask = ask

    def count_nodes(self, options: Mapping[str, Value], count: int) -> int:
        """Return how many nodes a pool has."""
        return count

    def check(self, profile: Profile) -> None:
        """Refuse what contradicts itself."""
        settings_of(profile)

    def quote(self, profile: Profile, cache: Path) -> Quote:
        """Return what a cluster would cost; nothing is asked for but prices and offers."""
        settings = settings_of(profile)
        cloud = self._cloud(settings)
        look_up_kinds(cloud, settings.kinds)
        return quote_of(settings, look_up_prices(cloud, settings, cache))

    def start(self, request: Request) -> Iterator[Sequence[NodeState]]:
        """Begin to launch, once all nodes were yielded; see `Provider.start`."""
        settings = settings_of(request.profile)
        self._plan = None
        plan = self._planned(request, settings)
        limiting.require_prices(settings, plan)
        nodes = [
            new_node(name, pool.name, limiting.planned(Rental(), plan, pool.name))
            # The scheduler goes to the first that is ready: better not to one that is taken away.
            for pool in sorted(settings.pools, key=lambda pool: pool.is_spot)
            for name in node_names(pool.name, pool.count)
        ]
        yield nodes
        self._begin(request, nodes, is_new=True)

    def resume(self, request: Request, nodes: Sequence[NodeState]) -> None:
        """Hear those that run, launch what failed; see `Provider.resume`."""
        self._begin(request, nodes)

    def more(self, request: Request, pool: str, count: int) -> Sequence[NodeState]:
        """Return further nodes of a pool, with names that none has had before; see `Elastic`."""
        settings = settings_of(request.profile)
        plan = self._planned(request, settings)
        limiting.require_prices(settings, plan)
        journal = journals.load(request.directory)
        launched = () if journal is None else journal.launches
        known = [node.name for node in request.state.nodes]
        names = next_names(pool, count, [*known, *(n for one in launched for n in one.nodes)])
        nodes = [new_node(name, pool, limiting.planned(Rental(), plan, pool)) for name in names]
        now = self._cloud(settings).now
        rentals = rentals_of([*request.state.nodes, *nodes])
        until = limiting.until_of(settings, rentals, now, request.state.spent_usd)
        limiting.require_time(until, now)
        return nodes

    def exchange(
        self, request: Request, nodes: Sequence[NodeState], parting: Sequence[NodeState]
    ) -> None:
        """Launch those that are new, end those that part; see `Elastic`."""

        def dismiss(node: NodeState) -> None:
            with contextlib.suppress(ClusterError):  # what it holds is lost with it
                self._machines.scale(node, request, 0)

        there = [node for node in parting if node.pid]
        wait_all([partial(dismiss, node) for node in there], _DISMISS_S)
        self._begin(request, nodes, parting=parting)
        if parting:
            with contextlib.suppress(ClusterError):  # they end earlier than they need then
                self.limit(nodes, request)

    def _begin(
        self,
        request: Request,
        nodes: Sequence[NodeState],
        *,
        is_new: bool = False,
        parting: Sequence[NodeState] = (),
    ) -> None:
        self._request = request
        before = self._let_go()
        self._access.closing.clear()
        self._machines.begin(request, [], is_new=is_new)
        site = self._site(request)
        hooks = Hooks(
            plan=lambda: self._planned(request, site.settings),
            has_news=self._machines.has_news,
            begin=lambda node: self._machines.begin(request, [node]),
            look=lambda node: self._machines.look(node, request),
            is_linked=self._machines.is_linked,
            disturb=self._machines.disturb,
            forget=self._machines.forget,
            limit=self._lower,
        )
        self._provisioner = Provisioner(site, hooks, nodes, request.profile)
        self._provisioner.give_up(parting, before)
        self._provisioner.start()

    def look(self, node: NodeState, request: Request) -> NodeSeen:
        """Return what is known of its instance, and what was heard of it."""
        self._request = request
        provisioner = self._provisioner
        if provisioner is not None and provisioner.profile != request.profile:
            provisioner.take(self._site(request), request.profile)
        slot = provisioner.slot(node.name) if provisioner is not None else None
        if slot is None:
            return self._machines.look(node, request)
        if slot.phase is Phase.FAILED:
            failures = () if slot.failure is None else (slot.failure,)
            return NodeSeen(is_alive=False, failures=failures, node=slot.node)
        seen = self._machines.look(node, request)
        machine = None if seen.node is None else seen.node.machine
        if slot.phase is Phase.THERE and machine is not None and is_of(seen, slot):
            noted = self._with_note(seen, machine)
            return replace(noted, news=slot.trouble) if slot.trouble else noted
        return NodeSeen(is_alive=True, node=slot.node, news=slot.news)

    def wait(self, nodes: Sequence[NodeState], timeout_s: float) -> None:
        """Return as soon as there is news; ask what a jump host wants to know."""
        self._machines.wait(timeout_s)

    def remains(self, nodes: Sequence[NodeState], request: Request) -> bool:
        """Tell whether anything may be there that was asked for."""
        return not journals.is_empty(request.directory)

    def scale(self, node: NodeState, request: Request, workers: int) -> None:
        """Write the number of workers where the node process looks for it."""
        self._machines.scale(node, request, workers)

    def limit(self, nodes: Sequence[NodeState], request: Request) -> None:
        """Write the limits where node process and watchdog look for them."""
        settings = settings_of(request.profile)
        now = self._cloud(settings).now
        limiting.require_known(settings, rentals_of(nodes))
        until = limiting.until_of(settings, rentals_of(nodes), now, request.state.spent_usd)
        self._request = request
        if self._provisioner is not None:
            self._provisioner.take(self._site(request), request.profile)
        self._tell_limits([node for node in nodes if node.pid], request, until)
        self._tag_end(nodes, request, until)

    def stop(
        self,
        nodes: Sequence[NodeState],
        runners: Sequence[RunnerState],
        request: Request,
        grace_s: float,
    ) -> None:
        """End all instances, and return when AWS says that they have ended."""
        self.close()
        journal = journals.load(request.directory)
        if journal is None:
            return
        cloud = self._cloud_at(Place(journal.region, journal.aws_profile))
        latest = max((one.asked_at for one in journal.launches), default=0.0)
        settles_at = latest + SETTLES_S if not journal.is_own_group else 0.0
        end_all(cloud, Remains(request.cluster, journal.is_own_group, settles_at))
        journals.forget(request.directory)

    def run(
        self,
        node: NodeState,
        request: Request,
        argv: Sequence[str],
        *,
        what: str,
        directory: str,
    ) -> RemoteChild:
        """Start a process on a node's instance; it goes on when the connection breaks."""
        return self._machines.run(node, request, argv, what=what, directory=directory)

    def directory_of(self, node: NodeState, request: Request) -> str:
        """Return the node's directory on its instance."""
        return self._machines.directory_of(node)

    def reach(self, node: NodeState, request: Request, address: str) -> Route:
        """Return a way through a tunnel."""
        return self._machines.reach(node, request, address)

    def renew(
        self, nodes: Sequence[NodeState], request: Request, on_news: Callable[[str], None]
    ) -> tuple[str, ...]:
        """Make the environment of this process there, where another one was made before."""
        return self._machines.renew(nodes, request, on_news)

    def host_of(self, node: NodeState, request: Request) -> Host:
        """Return the instance of a node, over whatever connection there is when it is asked."""
        return self._machines.host_of(node, request)

    def read_log(self, node: NodeState, request: Request, name: str, lines: int) -> tuple[str, ...]:
        """Return the last lines of a log in the node's directory."""
        return self._machines.read_log(node, request, name, lines)

    def close(self) -> None:
        """Let go of instances, tunnels and connections; the nodes go on."""
        self._let_go()
        self._machines.close()

    def examine(
        self, profile: Profile, ask: Ask | None, known: Collection[str] = ()
    ) -> Iterator[Check]:
        """Examine credentials, offers, prices and quotas; nothing is launched."""
        from jupyter_scale.providers.aws import doctor

        return doctor.examine(settings_of(profile))

    def _tell_limits(
        self, nodes: Sequence[NodeState], request: Request, until: limiting.Until
    ) -> None:
        orphan_after_s = request.profile.orphan_after_s or _ORPHAN_AFTER_S

        def files(node: NodeState) -> Mapping[str, str]:
            [rental] = rentals_of([node])
            limits = limiting.limits_of(
                request.cluster,
                until,
                orphan_after_s,
                rental.launched_at,
                is_spot=rental.is_spot,
            )
            return {LIMITS: limits.to_json()}

        self._machines.limit(nodes, request, files)

    def _lower(self, nodes: Sequence[NodeState], until: limiting.Until) -> None:
        self._tell_limits(nodes, self._request, until)
        self._tag_end(nodes, self._request, until)

    def _tag_end(self, nodes: Sequence[NodeState], request: Request, until: limiting.Until) -> None:
        """Let the tags of instances say when they end; they are for people: others decide."""
        ids = [rental.instance for rental in rentals_of(nodes) if rental.instance]
        cloud = self._cloud(settings_of(request.profile))
        try:
            tag(cloud, ids, {EXPIRES: show_time(until.at)})
        except AwsError as error:
            _logger.warning("the tags of %s say another end: %s", request.cluster, error)

    def _with_note(self, seen: NodeSeen, machine: Machine) -> NodeSeen:
        """Return what is seen of a node, with a note when its GPUs cannot be used."""
        plan = self._plan
        kind = "" if plan is None or machine.rental is None else machine.rental.kind
        if plan is None or kind not in plan.kinds or seen.node is None:
            return seen
        why = why_no_gpu(plan.kinds[kind], machine)
        if not why or why in machine.missing:
            return seen
        noted = replace(machine, missing=(*machine.missing, why))
        return replace(seen, node=replace(seen.node, machine=noted))

    # -- parts -------------------------------------------------------------------------------

    def _let_go(self) -> Provisioner | None:
        self._access.closing.set()
        provisioner, self._provisioner = self._provisioner, None
        if provisioner is not None:
            provisioner.close()
        return provisioner

    def _cloud(self, settings: Settings) -> Cloud:
        return self._cloud_at(Place(settings.region, settings.aws_profile))

    def _cloud_at(self, place: Place) -> Cloud:
        with self._lock:
            if place not in self._clouds:
                self._clouds[place] = Cloud(place.region, place.aws_profile)
            return self._clouds[place]

    def _site(self, request: Request) -> Site:
        settings = settings_of(request.profile)
        place = Place(settings.region, settings.aws_profile)
        laptop = journals.used(request.directory.parent, place).laptop
        owner = f"{getpass.getuser()}@{socket.gethostname()}"
        return Site(
            self._cloud_at(place),
            settings,
            Identity(request.cluster, request.profile.name, owner, laptop),
            request.directory,
            request.profile.orphan_after_s or _ORPHAN_AFTER_S,
            request.state.spent_usd,
        )

    def _planned(self, request: Request, settings: Settings) -> Plan:
        if self._plan is None:
            cloud = self._cloud(settings)
            kinds = look_up_kinds(cloud, settings.kinds)
            images = look_up_images(cloud, settings.pools, kinds, settings.ssh_user)
            prices = look_up_prices(cloud, settings, request.directory.parent)
            self._plan = Plan(settings, kinds, images, prices)
        return self._plan

    def _why_gone(self, host: str) -> str:
        provisioner = self._provisioner
        return "" if provisioner is None else provisioner.why_gone(host)

    def _was_reached(self, host: str) -> bool:
        """Tell whether a machine has been logged in to before; this process may be a guest."""
        return self._provisioner is None or self._machines.was_reached(host)
