"""Which cluster a kernel uses: one of its own, or the server's or another kernel's as a guest."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jupyter_scale.clusters import store
from jupyter_scale.clusters.cluster import Cluster, stop_saved
from jupyter_scale.clusters.guest import Guest
from jupyter_scale.clusters.profiles import load_profile
from jupyter_scale.clusters.sizing import is_settled, patience_s
from jupyter_scale.errors import ClusterError, NoCluster, StartError
from jupyter_scale.model.cluster import ClusterEvent, Ownership, Status, Target
from jupyter_scale.model.profile import Profile, embedded_profile
from jupyter_scale.providers.provider import load_provider
from jupyter_scale.serverlink import ServerGone, ServerLink, find_server

#: So long a cluster that runs already may take to say which workers it has.
_HEARD_S = 15.0


class Tenancy:
    """One kernel's use of clusters, of one at a time.

    Attributes
    ----------
    cluster
        The one in use, if any.
    follows_broken
        It was started in place of one that has ended without being asked to.
    """

    def __init__(self) -> None:
        self.cluster: Cluster | Guest | None = None
        self.follows_broken = False
        self._link: ServerLink | None = None
        self._ask: Callable[[str], str] | None = None
        #: A cluster of which more is to be started once it has a runner.
        self._starting: Cluster | None = None
        self._start_error: StartError | None = None

    def up(
        self,
        name: str | None,
        workers: int | None,
        directory: Path,
        on_event: Callable[[ClusterEvent], None],
        ask: Callable[[str], str] | None,
    ) -> Cluster | Guest:
        """Use a cluster of a profile, which is started if need be: see `Workspace.up`."""
        self._ask = ask
        if self.cluster is None:
            self.cluster = self._find_or_start(name, workers, directory, on_event)
        elif name != self.cluster.state.name or not self._retry(self.cluster, name, directory):
            msg = (
                f"The cluster '{self.cluster.state.name}' is up already: use it, change its size"
                " with `%scale up --workers N`, or end it with `%scale down` first."
            )
            raise ClusterError(msg)
        return self.cluster

    def _find_or_start(
        self,
        name: str | None,
        workers: int | None,
        directory: Path,
        on_event: Callable[[ClusterEvent], None],
    ) -> Cluster | Guest:
        if (link := find_server()) is not None:
            return self._up_at(link, name or "local", workers, directory, on_event)
        profile = load_profile(name or "local", directory)
        if workers is not None:
            profile = profile.with_workers(workers)
        if load_provider(profile.provider).outlives_kernels:
            found = self._find_saved(profile, on_event)
            if found is not None:
                return found
        cluster = Cluster.create(profile, on_event=on_event, ask=self._ask)
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
                    joined = sum(node.joined for node in state.nodes)
                    if not adopted.wait_workers(joined, _HEARD_S):
                        adopted.wait_ready()  # it may have been over long ago
            except StartError as error:
                self.follows_broken = True
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

    def find(self, wanted: str) -> tuple[ServerLink, Mapping[str, Any]]:
        """Return the kernel's Jupyter server, and its view of a cluster that it runs.

        Parameters
        ----------
        wanted
            The cluster's name or its id.

        Raises
        ------
        NoCluster
            When there is none.
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
        return link, view

    def move(self, link: ServerLink, view: Mapping[str, Any]) -> Guest:
        """Use another cluster of the server."""
        self.let_go()
        guest = self._join(link, view)
        self.cluster = guest
        return guest

    def obtain(self, on_event: Callable[[str], None]) -> Cluster | Guest:
        """Return the cluster in use, else the only one that the server runs, else a new one."""
        if self.cluster is None:
            self.cluster = self._find_running(on_event)
        if self.cluster is None:
            on_event("starting a cluster on this machine …")
            self._starting = Cluster.create(embedded_profile())
            self._start(self._starting, wait=False)
            return self._starting
        return self.cluster

    def _find_running(self, on_event: Callable[[str], None]) -> Guest | None:
        """Return the server's cluster if exactly one runs: somebody started it to be used."""
        link = find_server()
        if link is None or len(running := _running(link)) != 1:
            return None
        on_event(f"using the running cluster '{running[0]['name']}' …")
        return self._join(link, running[0])

    def _join(self, link: ServerLink, view: Mapping[str, Any]) -> Guest:
        self._link = link
        return Guest(store.load(view["id"]), self._ask)

    def _start(self, cluster: Cluster, *, wait: bool) -> None:
        self.cluster = cluster
        try:
            cluster.start(wait=wait)
        except BaseException:
            self.cluster = None
            raise

    def outlook(self) -> str:
        """Say where the next cell would run; nothing is started."""
        cluster = self.cluster
        if cluster is not None:
            count = cluster.workers
            return f"on the cluster '{cluster.state.name}', {count} worker{'s' * (count != 1)}"
        link = find_server()
        if link is not None and len(running := _running(link)) == 1:
            return f"on the running cluster '{running[0]['name']}'"
        return "on a cluster on this machine, which it would start"

    @contextlib.contextmanager
    def visited(self) -> Iterator[list[Cluster | Guest]]:
        """Give the clusters whose runs can be fetched: the one in use, else all that go on."""
        if self.cluster is not None:
            yield [self.cluster]
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

    # -- size --------------------------------------------------------------------------------

    def scale(self, workers: int, pool: str, timeout_s: float | None) -> int:
        """Change the number of workers: see `Workspace.scale`."""
        cluster = self.cluster
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

    # -- a start that goes on while a cell runs ----------------------------------------------

    def go_on_starting(self) -> None:
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
            if self.cluster is cluster:
                self._start_error = error

    def take_start_error(self) -> StartError | None:
        """Return, once, why the cluster that was starting meanwhile has failed."""
        error, self._start_error = self._start_error, None
        return error

    # -- the end -----------------------------------------------------------------------------

    def down(self) -> bool:
        """End the cluster, also a server's; tell whether there was one."""
        cluster = self._leave()
        if cluster is None:
            return False
        if not isinstance(cluster, Guest):
            try:
                cluster.stop()
            except ClusterError:
                self.cluster = cluster  # to try again
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

    def let_go(self) -> None:
        """Use none any more; one of the kernel's own ends, unless it outlives kernels."""
        cluster = self._leave()
        if isinstance(cluster, Cluster):
            if cluster.outlives_owner:
                cluster.leave()
            else:
                cluster.stop()

    def bury(self) -> None:
        """Use the cluster no more: it has ended by itself."""
        cluster = self._leave()
        if isinstance(cluster, Cluster):
            cluster.stop()

    def _leave(self) -> Cluster | Guest | None:
        """Let go of the cluster; return it, which still runs."""
        cluster, self.cluster = self.cluster, None
        self._starting, self.follows_broken = None, False
        if isinstance(cluster, Guest):
            cluster.leave()
        return cluster


def _running(link: ServerLink) -> list[dict[str, Any]]:
    """Return the views of the server's own clusters that run."""
    views = link.list_clusters()
    return [view for view in views if view["owner"] == "server" and view["status"] == "running"]
