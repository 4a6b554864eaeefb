"""The steps of `jupyter_scale.clusters.reconcile`, performed: thin, and recorded before a wait."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_scale.clusters import store
from jupyter_scale.clusters.costs import cost_now
from jupyter_scale.clusters.reconcile import Seen, Step, why_failed, workers_needed
from jupyter_scale.clusters.security import is_issued, issue
from jupyter_scale.errors import ClusterError, StartError
from jupyter_scale.model.cluster import ClusterEvent, ClusterState, NodeState, Status, Target
from jupyter_scale.model.cost import show_usd
from jupyter_scale.providers.provider import Failure, NodeSeen, Provider, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GRACE_S = 4.0


class Performer:
    """Performs steps on one cluster, and holds its state.

    Parameters
    ----------
    state : ClusterState
        What is known of it.
    provider : Provider
        Where its nodes come from.
    on_event : callable
        Told what happens, in the thread that performs.
    """

    def __init__(
        self, state: ClusterState, provider: Provider, on_event: Callable[[ClusterEvent], None]
    ) -> None:
        self.state = state
        self.failure: Failure | None = None
        self._provider, self._on_event = provider, on_event
        self._told: dict[str, ClusterEvent] = {}

    @property
    def request(self) -> Request:
        """What nodes and runners are needed for."""
        return request_for(self.state)

    def look(self, *, is_overdue: bool = False) -> Seen:
        """Return what is seen now."""
        self.state = state = store.with_changed_limits(self.state)
        request = self.request
        is_up = state.target is Target.UP and state.status in (Status.STARTING, Status.RUNNING)
        nodes = [self._provider.look(node, request) for node in state.nodes] if is_up else []
        if is_up:
            self._note(nodes)
            is_alive = any(node.is_alive for node in nodes)
            if state.status is Status.RUNNING:  # without the scheduler it is over
                pairs = zip(state.nodes, nodes, strict=True)
                is_alive = any(seen.is_alive for node, seen in pairs if node.has_scheduler)
            has_directories = store.has_directories(state)
        else:
            is_alive = self._provider.remains(state.nodes, request)
            has_directories = not store.is_removed(state)
        return Seen(
            has_directories=has_directories,
            has_security=is_issued(request.tls_dir),
            is_alive=is_alive,
            scheduler_address=next(filter(None, (node.scheduler_address for node in nodes)), None),
            workers=sum(len(node.workers) for node in nodes),
            failures=tuple(failure for node in nodes for failure in node.failures),
            is_overdue=is_overdue,
            was_ended=not is_alive
            and (store.is_told_to_end(state) or any(node.has_ended_well for node in nodes)),
            ready=frozenset(node.name for node in self.state.nodes if _is_ready(node)),
        )

    def perform(self, step: Step, seen: Seen, timeout_s: float) -> None:
        """Perform one step; a step that waits does so for `timeout_s` at most."""
        performers: dict[Step, Callable[[], None]] = {
            Step.MARK_STARTING: self._mark_starting,
            Step.MAKE_DIRECTORIES: self._make_directories,
            Step.ISSUE_SECURITY: self._issue_security,
            Step.START_NODES: self._start_nodes,
            Step.WAIT_FOR_SCHEDULER: lambda: self._wait(seen, timeout_s),
            Step.WAIT_FOR_WORKERS: lambda: self._wait(seen, timeout_s),
            Step.MARK_RUNNING: lambda: self._mark_running(seen),
            Step.MARK_FAILED: lambda: self._mark_failed(why_failed(self.state, seen)),
            Step.MARK_ENDED: self._mark_ended,
            Step.MARK_STOPPING: self._mark_stopping,
            Step.STOP_NODES: self._stop_nodes,
            Step.REMOVE_DIRECTORIES: lambda: store.remove(self.state),
            Step.MARK_STOPPED: self._mark_stopped,
        }
        performers[step]()

    def change(self, **fields: Any) -> None:
        """Change the state and save it; only an unstarted or removed cluster is on no disk."""
        self.state = replace(self.state, **fields)
        if self.state.target is Target.UP or not store.is_removed(self.state):
            store.save(self.state)

    def take_failure(self) -> Failure | None:
        """Return, once, why the start that was under way has failed; None if it has not."""
        failure, self.failure = self.failure, None
        return failure

    def tell(self, step: str, message: str, done: int = 0, total: int = 0) -> None:
        """Tell what happens, once for each change of a step."""
        event = ClusterEvent(self.state.id, step, message, done, total)
        if event != self._told.get(step):
            self._told[step] = event
            self._on_event(event)

    def _mark_starting(self) -> None:
        self.failure = None
        self._told.clear()
        self.change(status=Status.STARTING, nodes=(), runners=(), error="", spent_usd=0.0)

    def _make_directories(self) -> None:
        self.change()
        store.make_directories(self.state)

    def _issue_security(self) -> None:
        self.tell("security", "making certificates")
        issue(self.request.tls_dir)

    def _mark_stopping(self) -> None:
        self.tell("stopping", "stopping")
        self.change(status=Status.STOPPING)

    def _mark_stopped(self) -> None:
        self.tell("stopped", f"stopped{self._bill()}")
        self.state = replace(self.state, status=Status.STOPPED, nodes=(), runners=())

    def _mark_ended(self) -> None:
        self._stop_nodes()  # takes its exit status
        store.remove(self.state)
        self.state = replace(self.state, status=Status.STOPPED, target=Target.DOWN)
        why = "it has ended: nothing ran for long, or somebody ended it"
        self.tell("stopped", f"{why}{self._bill()}")

    def _bill(self) -> str:
        """Return what it has cost, as the end of a sentence; empty when nothing."""
        cost = cost_now(self.state)
        return "" if cost is None else f"; it cost {show_usd(cost.usd)}"

    def resume(self, nodes: Sequence[NodeState]) -> None:
        """Go on with nodes that another process began, or that have failed."""
        self._provider.resume(self.request, nodes)

    def scale(self, node: NodeState) -> None:
        """Ask a node for the workers that it shall have."""
        self._provider.scale(node, self.request, node.workers)

    def _start_nodes(self) -> None:
        self.tell("node", "starting scheduler")
        try:
            for nodes in self._provider.start(self.request):
                self.change(nodes=(*self.state.nodes, *nodes))
        except StartError as error:
            why = Failure(error.what, error.why, error.last_lines, error.next_step, error.happened)
            self._mark_failed(why)

    def _stop_nodes(self) -> None:
        state = self.state
        self._provider.stop(state.nodes, state.runners, self.request, GRACE_S)

    def _wait(self, seen: Seen, timeout_s: float) -> None:
        total = sum(node.workers for node in self.state.nodes)
        if seen.scheduler_address is not None:
            if self.state.scheduler_address != seen.scheduler_address:
                self.change(scheduler_address=seen.scheduler_address)
                self.tell("scheduler", f"scheduler at {seen.scheduler_address}")
            self.tell("workers", f"workers {seen.workers}/{total}", seen.workers, total)
        self._provider.wait(self.state.nodes, timeout_s)

    def _mark_running(self, seen: Seen) -> None:
        total = sum(node.workers for node in self.state.nodes)
        self.change(status=Status.RUNNING, scheduler_address=seen.scheduler_address)
        self._note_running()
        self.tell("workers", f"workers {seen.workers}/{total}", seen.workers, total)
        self.tell("running", "running", seen.workers, workers_needed(self.state))

    def _mark_failed(self, failure: Failure) -> None:
        self.failure = failure
        error = str(start_error(failure))
        self.change(status=Status.FAILED, target=Target.DOWN, error=error)
        self.tell("failed", error)

    def _note(self, seen: list[NodeSeen]) -> None:
        """Keep what has become of the nodes; on other machines also for those who only read it."""
        before = self.state.nodes
        nodes = tuple(_updated(n, s) for n, s in zip(before, seen, strict=True))
        self.state = replace(self.state, nodes=nodes)
        if nodes != before and self.state.is_elsewhere:
            self.change()
        for node, node_seen in zip(nodes, seen, strict=True):
            if node_seen.news:
                self.tell(f"node {node.name}", f"{node.name}: {node_seen.news}")
        if self.state.status is Status.RUNNING:
            self._note_running()
            if (cost := cost_now(self.state)) is not None and cost.is_warning:
                self.tell("cost", f"most of max_cost is used: {show_usd(cost.max_usd)}")

    def _note_running(self) -> None:
        """Mark what runs of a cluster that is usable; the rest may still be starting."""
        nodes = tuple(
            replace(node, status=Status.RUNNING)
            if node.status is Status.STARTING and _is_ready(node)
            else node
            for node in self.state.nodes
        )
        if nodes != self.state.nodes:
            self.change(nodes=nodes)


def _updated(node: NodeState, seen: NodeSeen) -> NodeState:
    """Return a node as it is known now."""
    known = seen.node or node
    status, error = node.status, ""
    if seen.failures and not seen.is_alive:
        status, error = Status.FAILED, str(start_error(seen.failures[-1]))
    elif node.status is Status.FAILED:
        status = Status.STARTING  # it is tried again
    return replace(
        known,
        status=status,
        error=error,
        joined=len(seen.workers),
        sessions=seen.sessions,
        news=seen.news if status is Status.RUNNING else "",  # a start tells its steps
    )


def _is_ready(node: NodeState) -> bool:
    """Tell whether all of a machine's workers have joined; what is here is counted by workers."""
    return node.machine is None or node.joined >= max(1, node.workers)


def request_for(state: ClusterState) -> Request:
    """Return what a provider has to know of a cluster."""
    directory = Path(state.directory)
    return Request(
        cluster=state.id,
        profile=state.profile,
        owner=state.owner,
        ownership=state.ownership,
        directory=directory,
        tls_dir=directory / "tls",
        shared_dir=Path(state.shared_dir) if state.shared_dir else None,
        state=state,
    )


def head_of(state: ClusterState) -> NodeState:
    """Return the node with the scheduler, where runners go.

    Raises
    ------
    ClusterError
        When it is not decided yet.
    """
    if state.head is None:
        raise ClusterError(f"Cluster {state.name} has no scheduler yet: start it first.")
    return state.head


def start_error(failure: Failure) -> StartError:
    """Return a failure as the error that its user meets."""
    return StartError(
        failure.what, failure.why, failure.last_lines, failure.next_step, failure.happened
    )


def with_workers(
    nodes: tuple[NodeState, ...], workers: int, pool: str = ""
) -> tuple[NodeState, ...]:
    """Return nodes asked for so many workers in all, spread evenly; or those of one pool.

    Raises
    ------
    ClusterError
        When no node that runs is in the pool.
    """
    able = [n.name for n in nodes if n.status is not Status.FAILED and pool in ("", n.pool)]
    if not able:
        pools = ", ".join(sorted({node.pool for node in nodes}))
        raise ClusterError(f"There is no node that runs in pool {pool!r}; pools are: {pools}.")
    share, more = divmod(workers, len(able))
    shares = {name: share + (i < more) for i, name in enumerate(able)}
    return tuple(replace(node, workers=shares.get(node.name, node.workers)) for node in nodes)
