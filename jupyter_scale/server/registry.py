"""The registry: the clusters that this server owns, and what it knows of all others.

Threads: requests come from the server's event loop, and each is carried out by a thread of its own,
because it may take a minute and must not hold up the end of the server; one thread looks, renews
heartbeats, adopts, and makes the world that panels are shown; the observers have a thread of their
own. What they share is guarded by one lock that nobody holds while waiting.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from jupyter_scale.clusters import store
from jupyter_scale.clusters.cluster import Cluster, stop_saved
from jupyter_scale.clusters.costs import quote
from jupyter_scale.clusters.extending import extend
from jupyter_scale.clusters.profiles import load_profile, profile_names
from jupyter_scale.clusters.steps import request_for
from jupyter_scale.errors import ClusterError, NoCluster, ProfileError, StateError
from jupyter_scale.model.account import Account
from jupyter_scale.model.cluster import ClusterEvent, ClusterState, Ownership, Status
from jupyter_scale.model.complaints import Complaint
from jupyter_scale.model.cost import Quote
from jupyter_scale.model.facts import RunFact
from jupyter_scale.model.feed import ClusterView, StepView
from jupyter_scale.model.profile import Limits
from jupyter_scale.model.stops import StopStatus
from jupyter_scale.monitor.observer import Observers, Told
from jupyter_scale.monitor.samples import Sample
from jupyter_scale.monitor.spans import TaskNews
from jupyter_scale.providers.provider import load_provider
from jupyter_scale.server.adopting import decide
from jupyter_scale.server.loads import with_load
from jupyter_scale.server.logbook import LogBook
from jupyter_scale.server.owned import Owned, place_for, place_of, stop_for_good
from jupyter_scale.server.threads import in_thread
from jupyter_scale.server.views import (
    World,
    newest_runs,
    ordered,
    shown_idle,
    view_account,
    view_cluster,
    view_run,
    with_step,
)
from jupyter_scale.transport.lifeline import current_owner, is_alive

_logger = logging.getLogger(__name__)

FRAME_S = 0.5
LOOK_S = 1.0
_BEAT_S = 5.0
_KEEP_ENDED_S = 600.0
_MOST_FACTS = 1000


_Known = tuple[ClusterState, tuple[StepView, ...], float | None]
"""All that the view of a cluster is made of."""


class Registry:
    """Owns clusters on behalf of one Jupyter server.

    Parameters
    ----------
    root : Path
        The server's directory: profiles are looked for there, and notebooks named relative to it.
    on_world : callable
        Told the new world when it changed, twice a second at most, in the registry's thread.
    on_sample : callable
        Told a cluster and its load, about once a second while somebody looks.
    on_tasks : callable
        Told a cluster and what its workers did, of those that somebody follows.
    """

    def __init__(
        self,
        root: Path,
        on_world: Callable[[World], None],
        on_sample: Callable[[str, Sample], None],
        on_tasks: Callable[[str, TaskNews], None],
    ) -> None:
        self._root, self._on_world, self._tell_sample = root, on_world, on_sample
        self._me = current_owner()
        self._owned: dict[str, Owned] = {}
        self._others: dict[str, ClusterState] = {}
        self._samples: dict[str, Sample] = {}
        self._idle: dict[str, float | None] = {}
        self._views: dict[str, tuple[_Known, ClusterView]] = {}
        self._is_attended = False
        self._facts: dict[str, tuple[str, RunFact]] = {}
        self._accounts: dict[str, Account] = {}
        self._profiles: tuple[str, ...] = ()
        self._log = LogBook(time.time())
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._is_closed = threading.Event()
        self._observers = Observers(
            Told(self._on_fact, self._on_sample, on_tasks, self._on_complaint, self._on_idle)
        )
        self._thread = threading.Thread(
            target=self._run, name="jupyter-scale registry", daemon=True
        )
        self._thread.start()

    # -- for the event loop: all return at once ----------------------------------------------

    def start(self, name: str, workers: int | None, directory: Path | None) -> Future[str]:
        """Begin to start a cluster; its id comes as soon as its profile is read.

        One of that profile that runs, and of which nodes have failed, is given these again instead.

        The future raises ProfileError when there is no such profile, or it is wrong.
        """
        return in_thread(lambda: self._create(name, workers, directory or self._root))

    def scale(self, cluster: str, workers: int, pool: str = "") -> Future[None]:
        """Ask for another number of workers, or of one pool's; the future raises ClusterError."""
        return in_thread(lambda: self._scale(cluster, workers, pool))

    def retry(self, cluster: str, node: str = "") -> Future[None]:
        """Try again what has failed: machines of a cluster that runs, or the start of all of it.

        The future raises ClusterError when nothing has, or not that node.
        """
        return in_thread(lambda: self._retry(cluster, node))

    def quote(self, name: str) -> Future[Quote | None]:
        """Find out what a cluster of a profile would cost; the future raises ScaleError."""
        return in_thread(lambda: quote(load_profile(name, self._root)))

    def extend(self, cluster: str, changes: Limits) -> Future[None]:
        """Change when a cluster ends by itself; the future raises ScaleError."""
        return in_thread(lambda: self._extend(cluster, changes))

    def read_log(self, cluster: str, node: str, name: str, lines: int) -> Future[list[str]]:
        """Read the last lines of a node's log; the future raises ClusterError."""
        return in_thread(lambda: self._read_log(cluster, node, name, lines))

    def stop(self, cluster: str) -> Future[None]:
        """End a cluster, or dismiss one that has ended; the future comes when it is gone."""
        return in_thread(lambda: self._stop(cluster))

    def clusters(self) -> tuple[ClusterView, ...]:
        """Return the views of all clusters now, with their load if it is known."""
        views = self._make_world().clusters
        with self._lock:
            samples = dict(self._samples)
        return tuple(with_load(v, s.nodes) if (s := samples.get(v.id)) else v for v in views)

    def cluster(self, cluster: str) -> ClusterView:
        """Return the view of one cluster.

        Raises
        ------
        NoCluster
            When there is none of that id.
        """
        for view in self.clusters():
            if view.id == cluster:
                return view
        raise _no_cluster(cluster)

    def run(self, run: str) -> RunFact | None:
        """Return what is known of a run."""
        with self._lock:
            known = self._facts.get(run)
        return None if known is None else known[1]

    def stop_loop(self, run: str, loop: int) -> Future[StopStatus | None]:
        """Stop a loop of a run that goes on; see `Observers.stop_loop`.

        Raises
        ------
        NoCluster
            Nothing is known of that run.
        """
        with self._lock:
            known = self._facts.get(run)
        if known is None:
            raise NoCluster(f"There is no run {run!r} (any more).")
        cluster, fact = known
        if fact.ended_at is not None:
            over: Future[StopStatus | None] = Future()
            over.set_result("late")
            return over
        return self._observers.stop_loop(cluster, fact, loop)

    def note(self, account: Account) -> None:
        """Take what a kernel tells of a run that has ended."""
        with self._lock:
            self._accounts.pop(account.run.id, None)
            self._accounts[account.run.id] = account
            while len(self._accounts) > _MOST_FACTS:
                del self._accounts[next(iter(self._accounts))]
        self._news.set()

    def place(self, cluster: str) -> Cluster | ClusterState:
        """Return a cluster of this server's own, or what a kernel has saved of its own.

        Raises
        ------
        NoCluster
            When there is none of that id.
        """
        found = self._find(cluster)
        return found.cluster if isinstance(found, Owned) else found

    def places(self) -> list[Cluster | ClusterState]:
        """Return the same of all clusters that run."""
        with self._lock:
            own, others = list(self._owned.values()), list(self._others.values())
        running = [one.cluster for one in own if one.state.status is Status.RUNNING]
        return [*running, *(one for one in others if one.status is Status.RUNNING)]

    @property
    def root(self) -> str:
        """The server's directory."""
        return str(self._root)

    @property
    def profiles(self) -> tuple[str, ...]:
        """The names of profiles, as of the last look."""
        return self._profiles

    def attend(self, shown: Mapping[str, Collection[str]] | None) -> None:
        """Take samples while somebody looks, of these nodes above all; none when it is None."""
        with self._lock:
            if self._is_attended != (shown is not None):
                self._is_attended = shown is not None
                self._samples.clear()  # an old number is worse than none
                self._news.set()
        self._observers.sample(shown)

    def follow_tasks(self, clusters: Collection[str]) -> None:
        """Tell what the workers of these clusters do, and of no others."""
        self._observers.follow_tasks(clusters)

    def close(self) -> None:
        """Let go of everything; clusters stay, for the next server."""
        self._is_closed.set()
        self._news.set()
        self._thread.join(5)
        self._observers.close()

    # -- in threads of their own -----------------------------------------------------------------

    def _create(self, name: str, workers: int | None, directory: Path) -> str:
        with self._lock:
            running = [o for o in self._owned.values() if o.state.status is Status.RUNNING]
        for owned in running:
            if owned.state.name == name and owned.cluster.retry():
                self._news.set()
                return owned.state.id
        profile = load_profile(name, directory)
        if workers is not None:
            profile = profile.with_workers(workers)
        steps: list[StepView] = []
        cluster = Cluster.create(
            profile, self._me, self._recorder(steps), ownership=Ownership.SERVER
        )
        owned = Owned(cluster, steps, is_busy=True)
        with self._lock:
            self._owned[cluster.state.id] = owned
        owned.job = in_thread(lambda: self._work(owned, cluster.start))
        return cluster.state.id

    def _scale(self, cluster: str, workers: int, pool: str) -> None:
        found = self._find(cluster)
        if not isinstance(found, Owned):
            raise ClusterError(
                f"Cluster {found.name} belongs to a kernel: use `%scale up --workers N` in its "
                "notebook."
            )
        found.cluster.scale(workers, pool)
        self._news.set()

    def _retry(self, cluster: str, node: str) -> None:
        found = self._find(cluster)
        if not isinstance(found, Owned):
            raise ClusterError(
                f"Cluster {found.name} belongs to a kernel: use `%scale up {found.name}` in its"
                " notebook."
            )
        with self._lock:
            is_again = found.state.status is Status.FAILED and not found.is_busy and not node
            if is_again:
                found.is_busy, found.steps[:] = True, []
        if is_again:
            found.job = in_thread(lambda: self._work(found, found.cluster.start))
        elif found.state.status is not Status.RUNNING or not found.cluster.retry(node):
            what = f"Node {node!r}" if node else "Nothing"
            has = "has not failed" if node else "has failed"
            raise ClusterError(f"{what} of cluster {found.state.name} {has}.")
        self._news.set()

    def _extend(self, cluster: str, changes: Limits) -> None:
        found = self._find(cluster)
        extend(found.cluster.state if isinstance(found, Owned) else found, changes)
        if isinstance(found, Owned):
            found.cluster.look()
        self._news.set()

    def _read_log(self, cluster: str, node: str, name: str, lines: int) -> list[str]:
        found = self._find(cluster)
        state = found.state if isinstance(found, Owned) else found
        one = next((each for each in state.nodes if each.name == node), None)
        if one is None:
            raise NoCluster(f"Cluster {state.name} has no node {node!r} (any more).")
        if isinstance(found, Owned):
            return list(found.cluster.read_log(one, name, lines))
        provider = load_provider(state.profile.provider)
        try:
            return list(provider.read_log(one, request_for(state), name, lines))
        finally:
            provider.close()

    def _stop(self, cluster: str) -> None:
        found = self._find(cluster)
        if isinstance(found, Owned):
            stop_for_good(found)
        else:
            stop_saved(found)
        with self._lock:
            self._owned.pop(cluster, None)
            self._others.pop(cluster, None)
        self._news.set()

    def _work(self, owned: Owned, job: Callable[[], object]) -> None:
        """Do something long with a cluster; what goes wrong is in its state."""
        try:
            if not owned.is_dismissed:
                job()
        except ClusterError as error:
            _logger.info("cluster %s: %s", owned.cluster.state.id, error)
        except Exception:
            _logger.exception("cluster %s", owned.cluster.state.id)
        finally:
            owned.is_busy = False
            self._news.set()

    def _find(self, cluster: str) -> Owned | ClusterState:
        """Return a cluster of this server, or what a kernel saved of its own."""
        with self._lock:
            found = self._owned.get(cluster) or self._others.get(cluster)
        if found is None:
            raise _no_cluster(cluster)
        return found

    # -- in the registry's thread ------------------------------------------------------------

    def _run(self) -> None:
        """Look about once a second, and tell the world when there is news."""
        shown: World | None = None
        last_look = last_beat = 0.0
        while not self._is_closed.is_set():
            now = time.monotonic()
            try:
                if now - last_look >= LOOK_S:
                    last_look = now
                    self._look()
                if now - last_beat >= self._beat_every_s():
                    last_beat = now
                    self._beat()
                world = self._with_log(shown or World(), self._make_world())
                if world != shown:
                    self._on_world(world)
                    shown = world
            except Exception:
                _logger.exception("looking after clusters")
            self._is_closed.wait(FRAME_S)
            self._news.wait(max(0.0, LOOK_S - FRAME_S))
            self._news.clear()

    def _look(self) -> None:
        saved = list(_saved())
        with self._lock:
            owned = dict(self._owned)
        decision = decide(saved, owned, self._me, is_alive)
        for cluster in decision.adopt:
            self._adopt(cluster)
        for one in owned.values():
            self._look_at(one)
        with self._lock:
            self._others = {state.id: state for state in saved if state.id in decision.show}
            others = list(self._others.values())
        places = {one.cluster.state.id: place_of(one) for one in owned.values()}
        places |= {state.id: place_for(state) for state in others}
        self._observers.watch({one: place for one, place in places.items() if place is not None})
        self._profiles = self._read_profiles()

    def _look_at(self, owned: Owned) -> None:
        """See whether a cluster still runs; drop one that ended long ago."""
        if not owned.is_busy and owned.cluster.state.status is Status.RUNNING:
            owned.cluster.look()
        if owned.cluster.state.status not in (Status.STOPPED, Status.FAILED) or owned.is_busy:
            owned.ended_at = None
            return
        now = time.monotonic()
        owned.ended_at = owned.ended_at or now
        if now - owned.ended_at > _KEEP_ENDED_S:
            with self._lock:
                self._owned.pop(owned.cluster.state.id, None)

    def _adopt(self, cluster: str) -> None:
        steps: list[StepView] = []
        adopted = Cluster.adopt(cluster, self._recorder(steps))
        if adopted is None:
            return
        owned = Owned(adopted, steps, is_busy=True)
        steps.append(StepView("adopted", "taken over from a server that had ended", time.time()))
        with self._lock:
            self._owned[cluster] = owned
        owned.job = in_thread(lambda: self._work(owned, adopted.wait_ready))

    def _beat(self) -> None:
        with self._lock:
            clusters = [owned.cluster for owned in self._owned.values()]
        for cluster in clusters:
            cluster.beat()

    def _beat_every_s(self) -> float:
        with self._lock:
            limits = [o.cluster.state.profile.orphan_after_s for o in self._owned.values()]
        return min([_BEAT_S, *(limit / 5 for limit in limits if limit is not None)])

    def _read_profiles(self) -> tuple[str, ...]:
        try:
            return tuple(profile_names(self._root))
        except ProfileError as error:
            _logger.debug("profiles: %s", error)
            return ("local",)

    # -- in any thread -----------------------------------------------------------------------

    def _recorder(self, steps: list[StepView]) -> Callable[[ClusterEvent], None]:
        def record(event: ClusterEvent) -> None:
            view = StepView(event.step, event.message, round(time.time(), 3))
            with self._lock:
                steps[:] = with_step(steps, view)
                owned = self._owned.get(event.cluster)
                name = "" if owned is None else owned.state.name
                is_up = owned is not None and owned.state.status is Status.RUNNING
                self._log.take_event(event, name, view.at, is_up=is_up)
            self._news.set()

        return record

    def _on_fact(self, cluster: str, fact: RunFact) -> None:
        with self._lock:
            known = self._facts.get(fact.id)
            if known is not None and known[1].seq >= fact.seq:
                return
            self._facts.pop(fact.id, None)
            self._facts[fact.id] = cluster, fact
            while len(self._facts) > _MOST_FACTS:
                del self._facts[next(iter(self._facts))]
            is_progress = known is not None and known[1].status == fact.status
            can_wait = is_progress and not self._is_attended  # for the next look
        if not can_wait:
            self._news.set()

    def _on_sample(self, cluster: str, sample: Sample) -> None:
        with self._lock:
            if not self._is_attended:
                return  # it was under way when the last one looked away
            before = self._samples.get(cluster, Sample())
            nodes = sample.nodes if sample.is_whole else {**before.nodes, **sample.nodes}
            self._samples[cluster] = replace(sample, nodes=nodes)
        self._tell_sample(cluster, sample)
        self._on_idle(cluster, sample.idle_since)

    def _on_idle(self, cluster: str, since: float | None) -> None:
        with self._lock:
            before, self._idle[cluster] = self._idle.get(cluster), since
        if since != before:
            self._news.set()

    def _on_complaint(self, cluster: str, complaint: Complaint) -> None:
        with self._lock:
            owned, other = self._owned.get(cluster), self._others.get(cluster)
            state = owned.state if owned is not None else other
            if state is None or state.status not in (Status.STARTING, Status.RUNNING):
                return  # what ends complains of much
            self._log.take_complaint(cluster, state.name, complaint, round(time.time(), 3))
        self._news.set()

    def _make_world(self) -> World:
        now = time.time()
        with self._lock:
            known = [(one.state, tuple(one.steps)) for one in self._owned.values()]
            known += [(state, ()) for state in self._others.values()]
            facts = dict(self._facts)
            accounts, is_attended = dict(self._accounts), self._is_attended
            idle = {
                state.id: shown_idle(state, self._idle.get(state.id), now, is_attended=is_attended)
                for state, _ in known
            }
        views = [self._view((state, steps, idle.get(state.id))) for state, steps in known]
        live = {v.id for v in views if v.status in ("starting", "running", "stopping")}
        with self._lock:
            for gone in (self._samples.keys() | self._idle.keys()) - live:
                self._samples.pop(gone, None)
                self._idle.pop(gone, None)
            for gone in set(self._views) - {v.id for v in views}:
                del self._views[gone]
        root = str(self._root)
        told = {run: account.traffic for run, account in accounts.items()}
        runs = [
            view_run(fact, cluster, root, told.get(run), is_lost=cluster not in live)
            for run, (cluster, fact) in facts.items()
        ]
        runs += [
            view_account(account, root)
            for run, account in accounts.items()
            if run not in facts and account.traffic.where == "here"
        ]
        return World(ordered(views), newest_runs(runs), self._profiles)

    def _with_log(self, before: World, now: World) -> World:
        """Return a world with all that has happened so far."""
        with self._lock:
            self._log.follow(before, now, round(time.time(), 3))
            return replace(now, log=self._log.lines)

    def _view(self, known: _Known) -> ClusterView:
        """Return the view of a cluster; one that rents nothing is made anew when it changed."""
        state, _, _ = known
        before = self._views.get(state.id)
        if before is not None and before[0] == known and before[1].cost is None:
            return before[1]
        view = view_cluster(*known)
        self._views[state.id] = known, view
        return view


def _saved() -> Iterable[ClusterState]:
    for cluster in store.cluster_ids():
        try:
            yield store.load(cluster)
        except (NoCluster, StateError) as error:
            _logger.debug("cluster %s: %s", cluster, error)


def _no_cluster(cluster: str) -> NoCluster:
    return NoCluster(f"There is no cluster {cluster!r} (any more): the list shows those there are.")
