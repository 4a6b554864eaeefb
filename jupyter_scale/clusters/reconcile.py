"""What to do next with a cluster, chosen from what it shall be and what is seen of it.

Laws:

1. `next_step` is pure: the same arguments give the same step.
2. Every step is idempotent; performing it, or finding it done, leads to another step.
3. From any state, repeated steps reach the target, or ``failed`` with nothing left running.
4. A failed cluster stays failed, with its error, until somebody sets its target to ``up`` again.
5. A cluster whose owner died is taken over as it is: `adopted` changes only what nobody can know.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from jupyter_scale.model.cluster import ClusterState, NodeState, Owner, Status, Target
from jupyter_scale.model.profile import Pool
from jupyter_scale.providers.provider import Failure


class Step(Enum):
    """One idempotent step."""

    MARK_STARTING = "mark starting"
    MAKE_DIRECTORIES = "make directories"
    ISSUE_SECURITY = "issue security"
    START_NODES = "start nodes"
    WAIT_FOR_SCHEDULER = "wait for scheduler"
    WAIT_FOR_WORKERS = "wait for workers"
    MARK_RUNNING = "mark running"
    MARK_FAILED = "mark failed"
    MARK_ENDED = "mark ended"
    MARK_STOPPING = "mark stopping"
    STOP_NODES = "stop nodes"
    REMOVE_DIRECTORIES = "remove directories"
    MARK_STOPPED = "mark stopped"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Seen:
    """What is seen of a cluster at a moment.

    Parameters
    ----------
    has_directories : bool
        Whether its directories exist: all of them if it shall be up, any if it shall be down.
    has_security : bool
        Whether its certificates exist.
    is_alive : bool
        Whether any of its processes lives.
    scheduler_address : str, optional
        Where its scheduler listens, once it does.
    workers : int
        How many workers the scheduler knows.
    failures : tuple of Failure
        What did not start.
    is_overdue : bool
        Whether a start takes longer than it may.
    was_ended : bool
        Whether it ended in good order: by itself, or because another process told it to.
    ready : frozenset of str
        Names of nodes whose workers have all joined.
    """

    has_directories: bool = False
    has_security: bool = False
    is_alive: bool = False
    scheduler_address: str | None = None
    workers: int = 0
    failures: tuple[Failure, ...] = ()
    is_overdue: bool = False
    was_ended: bool = False
    ready: frozenset[str] = frozenset()


def next_step(state: ClusterState, seen: Seen) -> Step:
    """Return the one step that brings a cluster nearer to its target."""
    if state.target is Target.DOWN or state.status is Status.STOPPING:
        return _step_down(state, seen)
    match state.status:
        case Status.STARTING:
            return _step_up(state, seen)
        case Status.RUNNING:
            if seen.is_alive:
                return Step.NOTHING
            return Step.MARK_ENDED if seen.was_ended else Step.MARK_FAILED
        case _:
            if seen.is_alive:
                return Step.STOP_NODES
            return Step.REMOVE_DIRECTORIES if seen.has_directories else Step.MARK_STARTING


def adopted(state: ClusterState, owner: Owner) -> ClusterState:
    """Return the state with which a new owner goes on.

    A start that had recorded no node may have begun one all the same: it begins anew, and whatever
    there is of the first is ended before.
    """
    if state.target is Target.UP and state.status is Status.STARTING and not state.nodes:
        return replace(state, owner=owner, status=Status.STOPPED)
    return replace(state, owner=owner)


def workers_needed(state: ClusterState) -> int:
    """Return from how many workers on a cluster of this machine is usable."""
    needed = 0
    for pool in state.profile.pools:
        wanted = sum(node.workers for node in state.nodes if node.pool == pool.name)
        needed += wanted if pool.min is None else min(pool.min, wanted)
    return needed


def why_failed(state: ClusterState, seen: Seen) -> Failure:
    """Return why `next_step` chose `Step.MARK_FAILED`."""
    if state.status is Status.RUNNING:
        known = seen.failures[-1] if seen.failures else None
        failure = known or Failure(f"cluster {state.name}", "its processes are gone")
        return replace(failure, happened="has ended", next_step="Start it again.")
    if state.is_elsewhere and (failed := [n for n in state.nodes if n.status is Status.FAILED]):
        return _why_machines_failed(state, failed, seen)
    if seen.failures:
        return seen.failures[0]
    if seen.is_overdue and state.is_elsewhere:
        late = [n.name for n in state.nodes if n.name not in seen.ready]
        why = f"it takes too long on {', '.join(late)}"
        return Failure(f"cluster {state.name}", why, next_step="Start it again: it goes on there.")
    if seen.is_overdue:
        joined = f"{seen.workers} of {workers_needed(state)} workers joined in time"
        why = joined if seen.scheduler_address else "its scheduler does not listen yet"
        next_step = "Start it again; on a slow machine give it longer, or fewer workers."
        return Failure(f"cluster {state.name}", why, next_step=next_step)
    return Failure(f"cluster {state.name}", "its processes have ended")


def _step_up(state: ClusterState, seen: Seen) -> Step:
    """Return the first step that is called for."""
    if state.is_elsewhere:
        return _step_up_elsewhere(state, seen)
    needed, begun = workers_needed(state), sum(node.workers for node in state.nodes)
    rules = (
        (bool(state.nodes) and not seen.is_alive, Step.MARK_FAILED),
        (seen.is_overdue, Step.MARK_FAILED),
        (not seen.has_directories, Step.MAKE_DIRECTORIES),
        (not seen.has_security, Step.ISSUE_SECURITY),
        (not state.nodes, Step.START_NODES),
        (begun - len(seen.failures) < needed, Step.MARK_FAILED),
        (seen.scheduler_address is None, Step.WAIT_FOR_SCHEDULER),
        (seen.workers < needed, Step.WAIT_FOR_WORKERS),
        (True, Step.MARK_RUNNING),
    )
    return next(step for is_called_for, step in rules if is_called_for)


def _step_up_elsewhere(state: ClusterState, seen: Seen) -> Step:
    """Return the first step that is called for when its nodes, all begun, are other machines."""
    pools = [_PoolSeen.of(state, seen, pool) for pool in state.profile.pools]
    rules = (
        (not seen.is_alive or seen.is_overdue, Step.MARK_FAILED),
        (not seen.has_directories, Step.MAKE_DIRECTORIES),
        (not seen.has_security, Step.ISSUE_SECURITY),
        (any(p.possible < p.needed and not p.connecting for p in pools), Step.MARK_FAILED),
        (seen.scheduler_address is None, Step.WAIT_FOR_SCHEDULER),
        (any(p.ready < p.needed for p in pools), Step.WAIT_FOR_WORKERS),
        (True, Step.MARK_RUNNING),
    )
    return next(step for is_called_for, step in rules if is_called_for)


@dataclass(frozen=True)
class _PoolSeen:
    """How many machines of a pool are ready, can become so, have yet to be heard, are needed."""

    ready: int
    possible: int
    connecting: int
    needed: int

    @classmethod
    def of(cls, state: ClusterState, seen: Seen, pool: Pool) -> _PoolSeen:
        nodes = [node for node in state.nodes if node.pool == pool.name]
        starting = [node for node in nodes if node.status is Status.STARTING]
        return cls(
            ready=sum(node.name in seen.ready for node in nodes),
            possible=sum(node.status is not Status.FAILED for node in nodes),
            # Whoever has failed meanwhile is reported together with the others.
            connecting=sum(node.machine is None or not node.machine.address for node in starting),
            needed=len(nodes) if pool.min is None else min(pool.min, len(nodes)),
        )


def _why_machines_failed(state: ClusterState, failed: list[NodeState], seen: Seen) -> Failure:
    if len(failed) == 1 and seen.failures:
        return seen.failures[-1]
    why = f"{len(failed)} of {len(state.nodes)} hosts failed"
    lines = tuple(line for node in failed for line in node.error.splitlines())
    return Failure(f"cluster {state.name}", why, lines)


def _step_down(state: ClusterState, seen: Seen) -> Step:
    if state.status in (Status.STARTING, Status.RUNNING):
        return Step.MARK_STOPPING
    if seen.is_alive:
        return Step.STOP_NODES
    if seen.has_directories:
        return Step.REMOVE_DIRECTORIES
    return Step.MARK_STOPPED if state.status is Status.STOPPING else Step.NOTHING
