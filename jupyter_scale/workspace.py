"""What belongs to one kernel: its cluster, its session, what its last run did.

This is where clusters and sessions meet: all that passes between them is a runner's address and
credentials.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_scale.analysis.cell import CellFacts
from jupyter_scale.clusters import store
from jupyter_scale.clusters.cluster import Cluster, stop_saved
from jupyter_scale.clusters.costs import cost_now
from jupyter_scale.clusters.guest import Guest
from jupyter_scale.clusters.placing import NOTHING, Chosen, Need, choose
from jupyter_scale.clusters.profiles import load_profile
from jupyter_scale.clusters.sizing import is_settled, patience_s
from jupyter_scale.clusters.supplies import supply_of
from jupyter_scale.environment.courier import Courier, mirror_key
from jupyter_scale.environment.installed import changed, stamp, versions
from jupyter_scale.errors import ClusterError, HostLost, NoCluster, StartError
from jupyter_scale.model.cluster import (
    ClusterEvent,
    ClusterState,
    NodeState,
    Ownership,
    Status,
    Target,
)
from jupyter_scale.model.cost import show_usd
from jupyter_scale.model.explanation import Explanation
from jupyter_scale.model.profile import Profile, embedded_profile
from jupyter_scale.model.run import RunReport
from jupyter_scale.providers.provider import Route, load_provider
from jupyter_scale.runner.client import RunnerClient
from jupyter_scale.serverlink import ServerGone, ServerLink, find_server
from jupyter_scale.session.abroad import Abroad
from jupyter_scale.session.cell import Cell, CellResult
from jupyter_scale.session.explain import explain_first
from jupyter_scale.session.plan import CellOptions
from jupyter_scale.session.session import Session
from jupyter_scale.session.showing import CellView
from jupyter_scale.shipping.ambient.ambience import Ambience
from jupyter_scale.transport.segments import remove_directory, session_directory

#: So long a cluster that runs already may take to say which workers it has.
_HEARD_S = 15.0
_PATIENCE_S = 7.0
#: On the way to another machine a link may be dead without a sign.
_BEAT_S = 5.0


class Workspace:
    """One kernel's cluster and session.

    Parameters
    ----------
    namespace, hidden
        The notebook's variables, and those that IPython put there itself.
    ambience
        The process-wide state of this kernel.

    Attributes
    ----------
    folder
        The notebook's: the kernel's working directory when this was made.
    """

    def __init__(
        self, namespace: dict[str, Any], hidden: Mapping[str, Any], ambience: Ambience
    ) -> None:
        self._namespace, self._hidden, self._ambience = namespace, hidden, ambience
        self._cluster: Cluster | Guest | None = None
        self._link: ServerLink | None = None
        #: ``node → its session``, and the node of the last cell.
        self._joined: dict[str, _Joined] = {}
        self._place = ""
        self.folder = Path.cwd()
        #: When folders of packages last changed, as of the last cell; and what was said of them.
        self._packages: object = None
        #: ``package → version`` that the cluster has of what is here.
        self._versions: dict[str, str] = {}
        self._noted: set[str] = set()
        #: ``cluster and node → who brings files there``.
        self._carriers: dict[tuple[str, str], Courier] = {}
        self.is_quiet = os.environ.get("JUPYTER_SCALE_QUIET", "") not in {"", "0"}
        self.last_run: RunReport | None = None
        self.last_explanation: Explanation | None = None
        #: Results larger than so many bytes stay on the cluster, unless the cell says otherwise.
        self.keep_above: int | None = None
        #: A cluster of which more is to be started once it has a runner.
        self._starting: Cluster | None = None
        self._start_error: StartError | None = None
        self._ask: Callable[[str], str] | None = None
        self._pid = os.getpid()
        atexit.register(self.close)

    @property
    def cluster(self) -> Cluster | Guest | None:
        """The cluster in use, if any."""
        return self._cluster

    @property
    def session_or_none(self) -> Session | None:
        """The session, if a cell has run."""
        joined = self._joined.get(self._place)
        return None if joined is None else joined.session

    @property
    def sessions(self) -> dict[str, Session]:
        """``node → session`` of all that are joined and alive."""
        joined = {node: one.session for node, one in self._joined.items()}
        return {node: session for node, session in joined.items() if session.is_alive()}

    @property
    def session_ids(self) -> frozenset[str]:
        """What its sessions are called on the cluster."""
        return frozenset(joined.session_id for joined in self._joined.values())

    def up(
        self,
        name: str | None,
        workers: int | None,
        directory: Path,
        on_event: Callable[[ClusterEvent], None],
        ask: Callable[[str], str] | None = None,
    ) -> Cluster | Guest:
        """Bring up a cluster from a profile: under Jupyter the server's, else this kernel's own.

        A cluster of that profile that runs already is used, also one whose kernel has ended; hosts
        of it that have failed are tried again.

        Parameters
        ----------
        name, workers, directory
            The profile, the number of workers if it shall be another, and where profiles are.
        on_event
            Told what happens.
        ask
            Asks the user for a passphrase, given a prompt.

        Raises
        ------
        ClusterError
            When one is up already.
        ProfileError, StartError
            When the profile is wrong, or something does not come up.
        """
        self._ask = ask
        own = self._cluster
        if own is not None and name == own.state.name and self._retry(own, name, directory):
            return own
        if self._cluster is not None:
            running = self._cluster.state.name
            msg = (
                f"The cluster '{running}' is up already: use it, change its size with "
                "`%scale up --workers N`, or end it with `%scale down` first."
            )
            raise ClusterError(msg)
        link = find_server()
        if link is not None:
            self._cluster = self._up_at(link, name or "local", workers, directory, on_event)
            return self._cluster
        profile = load_profile(name or "local", directory)
        if workers is not None:
            profile = profile.with_workers(workers)
        if load_provider(profile.provider).outlives_kernels:
            found = self._find_saved(profile, on_event)
            if found is not None:
                self._cluster = found
                return found
        cluster = Cluster.create(profile, on_event=on_event, ask=ask)
        self._start(cluster, wait=True)
        return cluster

    def _retry(self, cluster: Cluster | Guest, name: str, directory: Path) -> bool:
        """Have nodes that failed tried again; tell whether there are any."""
        if isinstance(cluster, Cluster):
            return cluster.retry()
        has_failed = any(node.status is Status.FAILED for node in cluster.state.nodes)
        if has_failed and self._link is not None:
            self._link.start(name, None, str(directory))
        return has_failed and self._link is not None

    def _find_saved(
        self, profile: Profile, on_event: Callable[[ClusterEvent], None]
    ) -> Cluster | Guest | None:
        """Return a cluster of that profile which goes on although its kernel has ended, if any."""
        for state in store.states():
            if state.name != profile.name or not state.is_elsewhere or state.target is Target.DOWN:
                continue
            adopted = Cluster.adopt(state.id, on_event, self._ask)
            if adopted is None:
                if state.status is Status.RUNNING:
                    return Guest(state, self._ask)  # another kernel of this machine owns it
                continue
            try:
                adopted.wait_ready()
                if state.status is Status.RUNNING:  # a start has waited for its workers
                    adopted.wait_workers(sum(node.joined for node in state.nodes), _HEARD_S)
            except StartError as error:
                on_event(ClusterEvent(state.id, "failed", f"the last one has ended: {error}"))
                continue
            if state.profile != profile.with_limits():
                note = "its profile has changed since: `%scale down`, then up, to use the new one"
                on_event(ClusterEvent(state.id, "profile", note))
            return adopted
        return None

    def _up_at(
        self,
        link: ServerLink,
        name: str,
        workers: int | None,
        directory: Path,
        on_event: Callable[[ClusterEvent], None],
    ) -> Guest:
        """Use the server's cluster of that profile, which it starts if need be."""
        running = [view for view in _running(link) if view["name"] == name]
        if running:
            guest = self._join(link, running[0])
            self._retry(guest, name, directory)
            if workers is not None and workers != guest.workers:
                self._scale_at(link, guest, workers, "", workers, None)
            return guest
        started = link.start(name, workers, str(directory))
        try:
            told: set[tuple[str, str]] = set()
            for view in link.follow(started["id"]):
                for step in view["steps"]:
                    news = step["step"], step["message"]
                    if news not in told:
                        told.add(news)
                        on_event(ClusterEvent(view["id"], *news))
                if view["status"] == "running":
                    return self._join(link, view)
                if view["status"] not in {"starting", "running"}:
                    link.stop(view["id"])  # its error is shown here: the panel need not keep it
                    msg = view["error"] or f"The cluster '{name}' was ended while it started."
                    raise ClusterError(msg)
        except KeyboardInterrupt:
            link.stop(started["id"])
            raise
        raise AssertionError  # `follow` ends by raising only

    def attach(self, wanted: str) -> Cluster | Guest:
        """Use another cluster of this kernel's Jupyter server; the one so far is left.

        One of this kernel's own ends then, unless it outlives kernels.

        Parameters
        ----------
        wanted
            The name of a cluster that runs, or its id.

        Raises
        ------
        NoCluster
            When there is none.
        ClusterError
            When values stay on the one so far, which would be lost to the notebook.
        """
        link = find_server()
        running = [] if link is None else _running(link)
        view = next((one for one in running if wanted in (one["id"], one["name"])), None)
        if link is None or view is None:
            msg = (
                f"The Jupyter server of this kernel runs no cluster {wanted!r}: `%scale up NAME`"
                " starts one from a profile."
            )
            raise NoCluster(msg)
        own = self._cluster
        if own is not None and own.state.id == view["id"]:
            return own
        there = [value for one in self._joined.values() for value in one.session.remote_values]
        kept = {id(value) for value in there}
        names = [name for name, value in self._namespace.items() if id(value) in kept]
        if names:
            name = min(names)
            msg = (
                f"{name!r} stays on the cluster so far: fetch it first, `{name} = {name}.get()`, or"
                f" let go of it, `del {name}`."
            )
            raise ClusterError(msg)
        self._leave()
        if isinstance(own, Cluster):
            if own.outlives_owner:
                own.leave()
            else:
                own.stop()
        self._cluster = self._join(link, view)
        return self._cluster

    def _join(self, link: ServerLink, view: Mapping[str, Any]) -> Guest:
        self._link = link
        return Guest(store.load(view["id"]), self._ask)

    def scale(self, workers: int, pool: str = "", timeout_s: float | None = None) -> int:
        """Change the number of workers, and of rented nodes; return how many workers there are.

        Parameters
        ----------
        workers
            How many there shall be.
        pool
            In this pool only; in all when empty.
        timeout_s
            How long to wait for them; as long as they may take when None.

        Raises
        ------
        NoCluster
            When none is up.
        ClusterError
            When there is no such pool, or another kernel owns the cluster.
        """
        cluster = self._cluster
        if cluster is None:
            msg = "There is no cluster: `%scale up` starts one."
            raise NoCluster(msg)
        cluster.wait_ready()
        others = sum(n.joined for n in cluster.state.nodes if pool not in ("", n.pool))
        wanted = workers + others
        if isinstance(cluster, Cluster):
            cluster.scale(workers, pool)
            cluster.wait_sized(timeout_s)
        elif self._link is None:
            msg = (
                f"The cluster '{cluster.state.name}' belongs to another kernel, process"
                f" {cluster.state.owner.pid}: change its size there."
            )
            raise ClusterError(msg)
        else:
            self._scale_at(self._link, cluster, workers, pool, wanted, timeout_s)
        return cluster.workers

    @staticmethod
    def _scale_at(
        link: ServerLink,
        guest: Guest,
        workers: int,
        pool: str,
        wanted: int,
        timeout_s: float | None,
    ) -> None:
        link.scale(guest.state.id, workers, pool)
        limit_s = patience_s(guest.state.profile.provider) if timeout_s is None else timeout_s
        deadline = time.monotonic() + limit_s
        for _ in link.follow(guest.state.id):
            state = guest.state
            is_done = is_settled(state.nodes) if state.is_elsewhere else guest.workers == wanted
            if is_done or time.monotonic() > deadline:
                return

    def down(self) -> bool:
        """End the cluster, also a server's; tell whether there was one."""
        cluster = self._leave()
        if cluster is None:
            return False
        if not isinstance(cluster, Guest):
            try:
                cluster.stop()
            except ClusterError:
                self._cluster = cluster  # to try again
                raise
            return True
        if self._link is None:  # another kernel's, which sees that it has ended
            stop_saved(cluster.state, self._ask)
            return True
        try:
            self._link.stop(cluster.state.id)
        except ServerGone:
            stop_saved(cluster.state)
        except ClusterError:
            if cluster.is_alive:
                raise
        return True

    def _leave(self) -> Cluster | Guest | None:
        """Let go of session and cluster; return the cluster, which still runs."""
        joined, self._joined = self._joined, {}
        for one in joined.values():
            one.close()
        cluster, self._cluster = self._cluster, None
        self._packages = self._starting = None
        self._noted.clear()
        if isinstance(cluster, Guest):
            cluster.leave()
        return cluster

    def session(
        self, on_event: Callable[[str], None], need: Need = NOTHING
    ) -> tuple[Session, Chosen]:
        """Return the session for a cell, and where that is, starting what has to be.

        Parameters
        ----------
        on_event
            Told in words what is being started.
        need
            What the cell asks for.

        Raises
        ------
        UsageError
            When no node has it.
        """
        chosen = self.choose(on_event, need)
        if chosen.node.name not in self._joined:
            self._joined[chosen.node.name] = self._join_runner(chosen.node, on_event)
        session = self._joined[chosen.node.name].session
        if chosen.node.name != self._place:
            session.take_turn()
            self._place = chosen.node.name
        return session, chosen

    def choose(self, on_event: Callable[[str], None], need: Need = NOTHING) -> Chosen:
        """Return where a cell runs; without a cluster one is started on this machine.

        Raises
        ------
        UsageError
            When no node has what the cell needs.
        """
        if self._cluster is None:
            self._cluster = self._find_running(on_event)
        if self._cluster is None:
            on_event("starting a cluster on this machine …")
            self._starting = Cluster.create(embedded_profile())
            self._start(self._starting, wait=False)
        assert self._cluster is not None  # noqa: S101 - it was found, or started
        return choose(self._cluster.state, need, supply_of)

    def detach(
        self, cell: Cell, options: CellOptions, chosen: Chosen, view: CellView
    ) -> CellResult:
        """Let a cell run for which nobody waits, in a namespace of its own.

        Raises
        ------
        As from `Session.run`.
        """
        joined = self._join_runner(chosen.node, view.status, is_detached=True)
        try:
            return joined.session.run(cell, replace(options, is_detached=True), view)
        finally:
            joined.close()
            # What the kernel's own state was compared with is another session's now.
            if (session := self.session_or_none) is not None:
                session.take_turn()

    @contextlib.contextmanager
    def visited(self) -> Iterator[list[Cluster | Guest]]:
        """Give the clusters whose runs can be fetched: the one in use, else all that go on."""
        if self._cluster is not None:
            yield [self._cluster]
            return
        guests = [
            Guest(state, self._ask)
            for state in store.states()
            if state.status is Status.RUNNING and state.ownership is Ownership.SERVER
        ]
        try:
            yield list(guests)
        finally:
            for guest in guests:
                guest.leave()

    def take_notes(self, on_event: Callable[[str], None]) -> list[str]:
        """Return, once, what the user should know of the cluster's packages before a cell runs.

        Those that were installed here since the last cell are brought to its nodes.
        """
        cluster = self._cluster
        if cluster is None or not cluster.state.is_elsewhere:
            return []
        notes = []
        lacking: dict[str, list[str]] = {}
        for node in cluster.state.nodes:
            for package in node.machine.missing if node.machine is not None else ():
                lacking.setdefault(package, []).append(node.name)
        for package, names in lacking.items():
            notes.append(f"not on {', '.join(names)}: {package}")
        folders = [entry for entry in sys.path if entry.endswith("-packages")]
        now = stamp(folders)
        if self._packages is None:
            self._packages, self._versions = now, versions(folders)
        elif self._packages != now:
            self._packages = now
            notes += cluster.renew(on_event)
            notes += self._tell_changed(cluster.state, versions(folders))
        if (cost := cost_now(cluster.state)) is not None and cost.is_warning:
            limit = show_usd(cost.max_usd)
            notes.append(
                f"most of max_cost ({limit}) is used: `%scale` tells when the instances end,"
                " `%scale extend --max-cost USD` raises it"
            )
        new = [note for note in notes if note not in self._noted]
        self._noted.update(new)
        return new

    def _tell_changed(self, state: ClusterState, now: Mapping[str, str]) -> list[str]:
        """Say which packages are other versions here than on nodes, which keep their own."""
        before, self._versions = self._versions, {**now, **self._versions}
        if all(pool.options.get("python") for pool in state.profile.pools):
            return []  # what is there is its user's affair
        return [
            f"{name} is {new} here by now, and stays {old} on the cluster: `%scale down`, then"
            f" `%scale up {state.name}`, brings {new} there"
            for name, (old, new) in changed(before, now).items()
        ]

    def outlook(self) -> str:
        """Say where the next cell would run; nothing is started."""
        cluster = self._cluster
        if cluster is not None:
            count = cluster.workers
            return f"on the cluster '{cluster.state.name}', {count} worker{'s' * (count != 1)}"
        link = find_server()
        if link is not None and len(running := _running(link)) == 1:
            return f"on the running cluster '{running[0]['name']}'"
        return "on a cluster on this machine, which it would start"

    def explain(self, source: str, facts: CellFacts, options: CellOptions) -> Explanation:
        """Tell what a cell would do; nothing runs and nothing is started."""
        session, where = self.session_or_none, self.outlook()
        if session is None or not session.is_alive():
            return explain_first(self._namespace, self._hidden, facts, options, where)
        return session.explain(source, facts, options, where)

    def _find_running(self, on_event: Callable[[str], None]) -> Guest | None:
        """Return the server's cluster if exactly one runs: somebody started it to be used."""
        link = find_server()
        if link is None or len(running := _running(link)) != 1:
            return None
        on_event(f"using the running cluster '{running[0]['name']}' …")
        return self._join(link, running[0])

    def _go_on_starting(self) -> None:
        """Let workers join while a cell runs, for whose beginning its runner is enough."""
        starting, self._starting = self._starting, None
        if starting is not None:
            threading.Thread(
                target=self._await_workers,
                args=(starting,),
                name="jupyter-scale start",
                daemon=True,
            ).start()

    def _await_workers(self, cluster: Cluster) -> None:
        """Bring a cluster's start to its end while the first cell runs."""
        try:
            cluster.wait_ready()
        except StartError as error:
            if self._cluster is cluster:
                self._start_error = error

    def take_start_error(self) -> StartError | None:
        """Return, once, why the cluster that was starting meanwhile has failed."""
        error, self._start_error = self._start_error, None
        return error

    def forget_session(self) -> None:
        """Let go of a session whose runner is gone; the next cell gets a new one."""
        joined = self._joined.pop(self._place, None)
        if joined is not None:
            if joined.session.is_left_alone and self._cluster is not None:
                self._cluster.let_go(joined.session_id)
            joined.close()
            if joined.shared is not None:
                remove_directory(joined.shared)  # a runner that was killed could not
        cluster = self._cluster
        if cluster is not None and not cluster.is_alive:
            self._leave()
            if isinstance(cluster, Cluster):
                cluster.stop()

    @property
    def workers(self) -> int:
        """How many task slots the cluster was asked for, or has."""
        if self._cluster is None:
            return 0
        return sum(node.workers for node in self._cluster.state.nodes)

    @property
    def nodes(self) -> int:
        """How many nodes of the cluster have not failed."""
        nodes = () if self._cluster is None else self._cluster.state.nodes
        return sum(node.status is not Status.FAILED for node in nodes)

    def close(self) -> None:
        """End all that is this kernel's own, quietly; a forked child ends nothing."""
        if os.getpid() == self._pid:
            with contextlib.suppress(ClusterError):
                cluster = self._leave()
                if isinstance(cluster, Cluster):
                    if cluster.outlives_owner:
                        cluster.leave()
                    else:
                        cluster.stop()

    def _start(self, cluster: Cluster, *, wait: bool) -> None:
        self._cluster = cluster
        try:
            cluster.start(wait=wait)
        except BaseException:
            self._cluster = None
            raise

    def _join_runner(
        self, node: NodeState, on_event: Callable[[str], None], *, is_detached: bool = False
    ) -> _Joined:
        """Start a runner, and join it."""
        cluster = self._cluster
        assert cluster is not None  # noqa: S101 - the caller has started one
        session_id = f"s{int(time.time())}-{secrets.token_hex(4)}"
        child = cluster.start_runner(session_id, node, is_detached=is_detached)
        on_event("starting the notebook's other half …")
        route = cluster.reach(child.wait_ready()["address"], node)
        self._go_on_starting()
        # A laptop may sleep; what its cell leaves is kept for so long on the other machine.
        is_elsewhere = cluster.state.is_elsewhere
        patience_s = cluster.state.profile.kept_for_s if is_elsewhere else _PATIENCE_S

        def is_alive() -> bool:
            try:
                return not route.is_refused() and child.exit_status() is None
            except HostLost:
                return True  # as far as is known

        client = RunnerClient(
            route.address,
            cluster.directory / "tls",
            session_id,
            is_alive,
            patience_s,
            _BEAT_S if is_elsewhere else 0.0,
        )
        shared_dir = cluster.state.shared_dir
        shared = session_directory(Path(shared_dir), session_id) if shared_dir else None
        abroad = None
        if node.machine is not None:
            abroad = Abroad(self.folder, partial(self._couriers, node.name))
        session = Session(
            client, self._namespace, self._hidden, shared, self._ambience, abroad=abroad
        )
        return _Joined(session, shared, route, session_id)

    def _couriers(self, first: str) -> list[Courier]:
        """Return who brings files to the nodes that run, that of a session's runner first."""
        cluster = self._cluster
        if cluster is None:
            return []
        state = cluster.state
        found = []
        for node in sorted(state.nodes, key=lambda node: node.name != first):
            if node.status is Status.FAILED and node.name != first:
                continue
            known = self._carriers.get((state.id, node.name))
            if known is None and (host := cluster.host_of(node)) is not None:
                known = Courier(host, mirror_key(self.folder))
                self._carriers[state.id, node.name] = known
            if known is not None:
                found.append(known)
        return found


@dataclass(frozen=True)
class _Joined:
    """A session, and what it holds besides."""

    session: Session
    shared: Path | None
    route: Route
    session_id: str

    def close(self) -> None:
        self.session.close()
        self.route.close()


def _running(link: ServerLink) -> list[dict[str, Any]]:
    """Return the views of the server's own clusters that run."""
    views = link.list_clusters()
    return [view for view in views if view["owner"] == "server" and view["status"] == "running"]
