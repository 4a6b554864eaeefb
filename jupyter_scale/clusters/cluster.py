"""Clusters as the rest of the project uses them: created, started, scaled, stopped."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_scale.clusters import store
from jupyter_scale.clusters.reconcile import Step, adopted, next_step
from jupyter_scale.clusters.runners import start_librarian, start_runner
from jupyter_scale.clusters.sizing import is_settled, patience_s, resize
from jupyter_scale.clusters.steps import Performer, head_of, start_error, with_workers
from jupyter_scale.errors import ClusterError, StartError
from jupyter_scale.model.cluster import (
    ClusterEvent,
    ClusterState,
    NodeState,
    Owner,
    Ownership,
    RunnerState,
    Status,
    Target,
)
from jupyter_scale.model.cost import rentals_of
from jupyter_scale.providers.elastic import Elastic
from jupyter_scale.providers.provider import Failure, load_provider
from jupyter_scale.transport.lifeline import current_owner, is_alive

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_scale.environment.host import Host
    from jupyter_scale.model.profile import Profile
    from jupyter_scale.providers.provider import Ask, Route
    from jupyter_scale.transport.speaker import Speaker

_STOP_TRIALS = 3
_HEARD_S = 30.0
_SLICE_S = 0.5  # of a wait, after which a start sees that it was given up


class Cluster:
    """One cluster: scheduler, workers and runners, from start to stop.

    Everything blocks the calling thread and needs no event loop, so that it can be used from the
    main thread of a Jupyter kernel. Methods may be called from several threads: they take turns.

    Examples
    --------
    >>> cluster = Cluster.create(embedded_profile(workers=2))  # doctest: +SKIP
    >>> cluster.start()  # doctest: +SKIP
    >>> cluster.stop()  # doctest: +SKIP
    """

    def __init__(
        self,
        state: ClusterState,
        on_event: Callable[[ClusterEvent], None] | None = None,
        ask: Ask | None = None,
    ) -> None:
        self._provider = load_provider(state.profile.provider)
        self._provider.ask = ask
        self._performer = Performer(state, self._provider, on_event or _ignore)
        self._runners: dict[str, Speaker] = {}
        self._lock = threading.RLock()
        self._deadline = 0.0
        self._is_told_to_stop = False

    @classmethod
    def create(
        cls,
        profile: Profile,
        owner: Owner | None = None,
        on_event: Callable[[ClusterEvent], None] | None = None,
        *,
        ownership: Ownership = Ownership.KERNEL,
        ask: Ask | None = None,
    ) -> Cluster:
        """Return a cluster of which nothing is started.

        Parameters
        ----------
        profile : Profile
            What it shall be.
        owner : Owner, optional
            The process with which it ends, however that ends; this one when None.
        on_event : callable, optional
            Told what happens, in the thread that calls the method concerned.
        ownership : Ownership
            ``SERVER`` when it shall outlive the owner: call `beat` while there is one. What is on
            other machines always does.
        ask : callable, optional
            Asks the user for a passphrase, given a prompt, in the thread that starts.
        """
        provider = load_provider(profile.provider)
        is_here = provider.max_nodes == 1
        if provider.outlives_kernels:
            ownership = Ownership.SERVER
        if ownership is Ownership.SERVER:
            profile = profile.with_limits()
        cluster = uuid.uuid4().hex[:12]
        state = ClusterState(
            id=cluster,
            name=profile.name,
            profile=profile,
            status=Status.STOPPED,
            target=Target.DOWN,
            owner=owner or current_owner(),
            directory=str(store.directory_of(cluster)),
            shared_dir=str(store.choose_shared_dir(cluster)) if is_here else "",
            started_at=0.0,
            ownership=ownership,
        )
        return cls(state, on_event, ask)

    @classmethod
    def adopt(
        cls,
        cluster: str,
        on_event: Callable[[ClusterEvent], None] | None = None,
        ask: Ask | None = None,
    ) -> Cluster | None:
        """Take over a saved cluster whose owner is dead; None when somebody else has done so.

        Nothing is waited for: `wait_ready` goes on with whatever its owner was doing.

        Parameters
        ----------
        cluster : str
            Its id.
        on_event, ask
            As for `create`.
        """
        with store.claimed(cluster) as saved:
            if saved is None:
                return None
            state = adopted(saved, current_owner())
            store.save(state)
            store.beat(state)
        taken = cls(state, on_event, ask)
        taken._deadline = time.monotonic() + taken._provider.start_timeout_s
        taken._performer.resume(state.nodes)
        return taken

    def beat(self) -> None:
        """Tell its processes that an owner lives; cheap, and never waits for another method."""
        store.beat(self.state)

    def look(self) -> None:
        """Take note of what has become of it: afterwards `state` says whether it still runs.

        Nothing is waited for; a cluster that another thread starts or stops is left to it.
        """
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._drive(lambda step: step in _WAITS)
        except StartError:
            return  # the state says it, and `on_event` was told
        finally:
            self._lock.release()

    @property
    def state(self) -> ClusterState:
        """What is known of it; the number of workers is as of the last look."""
        return self._performer.state

    @property
    def directory(self) -> Path:
        """Where its certificates are (``tls``), its logs, and its runners' files."""
        return Path(self.state.directory)

    @property
    def workers(self) -> int:
        """How many workers the scheduler knows now."""
        with self._lock:
            return self._performer.look().workers

    @property
    def is_alive(self) -> bool:
        """Whether its processes still run."""
        with self._lock:
            return self._performer.look().is_alive

    def start(self, *, wait: bool = True, timeout_s: float | None = None) -> None:
        """Start it; a cluster that runs already stays as it is.

        Parameters
        ----------
        wait : bool
            Return when as many workers have joined as the profile asks for. Else return as soon as
            all processes are begun: `start_runner` works from then on, `wait_ready` does the rest.
        timeout_s : float, optional
            How long it may take until it is ready, in all; what the provider says when None.

        Raises
        ------
        StartError
            When something does not come up; everything begun is ended then, also after Ctrl-C.
        """
        threading.Thread(target=store.sweep, name="sweep clusters", daemon=True).start()
        timeout_s = self._provider.start_timeout_s if timeout_s is None else timeout_s
        self._deadline = time.monotonic() + timeout_s
        try:
            with self._lock:
                if self.state.target is Target.DOWN:
                    self._performer.state = replace(
                        self.state, target=Target.UP, started_at=time.time()
                    )
                self._drive(lambda step: step in _WAITS and not wait)
        except BaseException:
            self._abandon()
            raise

    def wait_ready(self, timeout_s: float | None = None) -> None:
        """Wait until a cluster that was started with ``wait=False`` is usable.

        Parameters
        ----------
        timeout_s : float, optional
            How long; what is left of the start's time when None.

        Raises
        ------
        StartError
            As from `start`.
        """
        if timeout_s is not None:
            self._deadline = time.monotonic() + timeout_s
        try:
            with self._lock:
                is_wanted = self.state.target is Target.UP
                self._drive()
                if is_wanted and self.state.status is Status.STOPPED:
                    ended = Failure(f"cluster {self.state.name}", "it has ended itself")
                    raise start_error(ended)  # noqa: TRY301 - nothing is left by then either
        except BaseException:
            self._abandon()
            raise

    def retry(self, name: str = "") -> bool:
        """Try again the nodes that have failed; tell whether there are any.

        Nothing is waited for: `look` tells what becomes of them.

        Parameters
        ----------
        name : str
            Only the node of that name; of rented ones, which are asked for together, all.
        """
        with self._lock:
            nodes = self.state.nodes
            chosen = tuple(node for node in nodes if name in ("", node.name))
            if all(node.status is not Status.FAILED for node in chosen):
                return False
            self._performer.resume(nodes if rentals_of(nodes) else chosen)
            return True

    def start_runner(
        self, session_id: str, node: NodeState | None = None, *, is_detached: bool = False
    ) -> Speaker:
        """Start the runner of a session and return at once.

        Its ready line, `Child.wait_ready`, is ``{"pid", "address"}``. It needs neither scheduler
        nor workers. Its files are in ``directory / "runners" / session_id``.

        Parameters
        ----------
        session_id : str
            The session's name; it becomes a directory's.
        node : NodeState, optional
            Where; the node with the scheduler when None.
        is_detached : bool
            It goes on without this process, until what its run left was fetched.

        Raises
        ------
        ClusterError
            When the cluster is not started.
        """
        with self._lock:
            if self.state.target is Target.DOWN or not self.state.nodes:
                raise ClusterError(f"Cluster {self.state.name} is not started: start it first.")
            child, directory = start_runner(
                self._provider,
                self._performer.request,
                node or head_of(self.state),
                session_id,
                self.state.owner,
                is_detached=is_detached,
            )
            if not is_detached:
                self._runners[session_id] = child
            runner = RunnerState(
                session_id, child.pid, child.created, directory, f"{directory}/runner.log"
            )
            others = tuple(r for r in self.state.runners if r.session != session_id)
            self._performer.change(runners=(*others, runner))
            return child

    def let_go(self, session_id: str) -> None:
        """Let a runner go on without this process: what its cell leaves is kept."""
        self._runners.pop(session_id, None)

    def start_librarian(self, node: NodeState) -> Speaker:
        """Start who hands out what runs have left on a node; see `visiting`."""
        return start_librarian(self._provider, self._performer.request, node)

    def reach(self, address: str, node: NodeState | None = None) -> Route:
        """Return a way from this process to where something listens on a node.

        Parameters
        ----------
        address : str
            As the node knows it.
        node : NodeState, optional
            Which one; that with the scheduler when None.

        Raises
        ------
        ClusterError
            When there is none.
        """
        node = node or head_of(self.state)
        return self._provider.reach(node, self._performer.request, address)

    def renew(self, on_news: Callable[[str], None]) -> tuple[str, ...]:
        """Give its nodes the packages that this process has by now; see `Provider.renew`."""
        return self._provider.renew(self.state.nodes, self._performer.request, on_news)

    def host_of(self, node: NodeState) -> Host | None:
        """Return the machine of a node, to which files are brought; None when it is this one."""
        return self._provider.host_of(node, self._performer.request)

    def read_log(self, node: NodeState, name: str, lines: int) -> tuple[str, ...]:
        """Return the last lines of a node's log, see `Provider.read_log`."""
        return self._provider.read_log(node, self._performer.request, name, lines)

    def leave(self) -> None:
        """Let go of it without ending it: another process, or nobody for a while, owns it then."""
        with self._lock:
            for child in self._runners.values():
                child.end()
            self._runners.clear()
            self._provider.close()

    @property
    def outlives_owner(self) -> bool:
        """Whether it goes on when its owner's process ends."""
        return self.state.ownership is Ownership.SERVER

    @property
    def is_elastic(self) -> bool:
        """Whether it gets other nodes for another number of workers."""
        return isinstance(self._provider, Elastic)

    def scale(self, workers: int, pool: str = "") -> None:
        """Ask for another number of workers; they join and leave afterwards.

        Parameters
        ----------
        workers : int
            How many in all, spread evenly over the nodes; where nodes are rented, on as many as
            that takes.
        pool : str
            Of this pool only; of all when empty.

        Raises
        ------
        ClusterError
            When it is not running, or does not answer.
        """
        if workers < 1:
            raise ClusterError(f"A cluster needs at least one worker, not {workers}.")
        with self._lock:
            address = self.state.scheduler_address
            if self.state.status is not Status.RUNNING or address is None:
                raise ClusterError(f"Cluster {self.state.name} is not running: start it first.")
            if isinstance(self._provider, Elastic):
                resize(self._performer, self._provider, workers, pool)
                return
            for node in (nodes := with_workers(self.state.nodes, workers, pool)):
                self._performer.scale(node)
            self._performer.change(nodes=nodes)

    def wait_sized(self, timeout_s: float | None = None) -> bool:
        """Wait until it has the workers that it was asked for; tell whether that came in time.

        Parameters
        ----------
        timeout_s : float, optional
            How long; as long as such a thing may take when None.
        """
        limit_s = patience_s(self._provider) if timeout_s is None else timeout_s
        deadline = time.monotonic() + limit_s
        while True:
            with self._lock:
                is_alive = self._performer.look().is_alive
            if is_settled(self.state.nodes):
                return True
            if not is_alive or (remaining := deadline - time.monotonic()) <= 0:
                return False
            self._provider.wait(self.state.nodes, min(_SLICE_S, remaining))

    def wait_workers(self, workers: int, timeout_s: float) -> bool:
        """Wait until exactly so many workers are known; tell whether that came in time."""
        deadline = time.monotonic() + timeout_s
        with self._lock:
            while (seen := self._performer.look()).workers != workers:
                if not seen.is_alive or (remaining := deadline - time.monotonic()) <= 0:
                    return False
                self._provider.wait(self.state.nodes, remaining)
            return True

    def stop(self) -> None:
        """End its node, workers and runners and remove its directories; gone already is success.

        A start that is under way in another thread is given up.

        Raises
        ------
        ClusterError
            When a process cannot be ended.
        """
        self._is_told_to_stop = True
        with self._lock:
            self._is_told_to_stop = False
            self._performer.state = replace(self.state, target=Target.DOWN)
            try:
                self._drive()
            finally:
                for child in self._runners.values():
                    child.collect()
                self._runners.clear()
                if self.state.status is not Status.STOPPING:
                    self._provider.close()

    def _drive(self, is_enough: Callable[[Step], bool] = lambda _: False) -> None:
        """Perform steps until there is nothing to do, or the next one is enough."""
        performer, stops = self._performer, 0
        while True:
            remaining = self._deadline - time.monotonic()
            seen = performer.look(is_overdue=remaining <= 0)
            step = next_step(performer.state, seen)
            if step is Step.NOTHING or is_enough(step):
                break
            stops += step is Step.STOP_NODES
            if stops > _STOP_TRIALS:
                raise ClusterError(
                    f"Processes of cluster {self.state.name} do not end, "
                    f"even when killed: look for {self.state.id} in `ps e`."
                )
            if step in _WAITS and self._is_told_to_stop:
                raise start_error(Failure(f"cluster {self.state.name}", "it was stopped meanwhile"))
            try:
                performer.perform(step, seen, min(_SLICE_S, max(0.0, remaining)))
            except ClusterError as error:
                if (failure := performer.take_failure()) is None:
                    raise
                what_next = f"{failure.next_step}\n{error}".strip()
                raise start_error(replace(failure, next_step=what_next)) from error
        if performer.state.status is Status.FAILED and (failure := performer.take_failure()):
            raise start_error(failure)

    def _abandon(self) -> None:
        """Stop, although the user may press Ctrl-C once more."""
        stopper = threading.Thread(target=self._stop_quietly, name="abandon cluster")
        stopper.start()
        while stopper.is_alive():
            try:
                stopper.join()  # as bounded as `stop`
            except KeyboardInterrupt:
                continue

    def _stop_quietly(self) -> None:
        try:
            self.stop()
        except ClusterError:
            return

    def __repr__(self) -> str:
        state = self.state
        return f"<Cluster {state.name} {state.id} {state.status.value}>"


def stop_saved(state: ClusterState, ask: Ask | None = None) -> None:
    """End a cluster that another process started, from its saved state; gone already is success.

    Parameters
    ----------
    state : ClusterState
        As it was saved.
    ask : callable, optional
        Asks the user for a passphrase, given a prompt.

    Raises
    ------
    ClusterError
        When a process cannot be ended.
    """
    Cluster(state, ask=ask).stop()


def clear_ended(state: ClusterState) -> bool:
    """End what is left of a cluster of other machines that nobody owns; tell whether it was over.

    One that still runs is left as it is, for whoever adopts it. One that costs, and has not come so
    far, is ended.

    Raises
    ------
    ClusterError
        When a machine cannot be reached.
    """
    is_rented = bool(rentals_of(state.nodes))
    if is_rented and state.target is Target.DOWN:  # its owner may live, and could not end it
        stop_saved(state)
        return True
    if not state.is_elsewhere or is_alive(state.owner):
        return False
    is_half_begun = is_rented and state.status is Status.STARTING
    if state.target is Target.DOWN or is_half_begun:  # what costs waits for nobody
        stop_saved(state)
        return True
    cluster = Cluster.adopt(state.id)
    if cluster is None:
        return False
    try:
        cluster.wait_ready(_HEARD_S)
    except StartError:
        return True  # what was left of it has been ended
    cluster.leave()
    return False


_WAITS = (Step.WAIT_FOR_SCHEDULER, Step.WAIT_FOR_WORKERS)


def _ignore(event: ClusterEvent) -> None:
    """Take an event that nobody asked for."""
