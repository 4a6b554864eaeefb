"""The reconciler: one step at a time from anywhere to the target."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_scale.clusters.reconcile import (
    Seen,
    Step,
    adopted,
    next_step,
    why_failed,
    workers_needed,
)
from jupyter_scale.model.cluster import ClusterState, NodeState, Owner, Status, Target
from jupyter_scale.model.profile import Pool, Profile
from jupyter_scale.providers.provider import Failure

NODE = NodeState("local", "p", 1, 1.0, Status.STARTING, workers=2)
UP, DOWN = Target.UP, Target.DOWN
STARTING, RUNNING = Status.STARTING, Status.RUNNING
STOPPING, STOPPED, FAILED = Status.STOPPING, Status.STOPPED, Status.FAILED
BAD = (Failure("worker 0", "no"),)
READY = Seen(
    has_directories=True, has_security=True, is_alive=True, scheduler_address="tls://", workers=2
)


def a_state(status, target, nodes=(NODE,), minimum=None):
    profile = Profile("x", "local", (Pool("p", 1, minimum, 2),))
    return ClusterState(
        "id", "x", profile, status, target, Owner(1, 1.0), "/d", "/s", 0.0, tuple(nodes)
    )


@pytest.mark.parametrize(
    ("status", "target", "nodes", "seen", "step"),
    [
        (STOPPED, UP, (), Seen(), Step.MARK_STARTING),
        (STARTING, UP, (), Seen(), Step.MAKE_DIRECTORIES),
        (STARTING, UP, (), Seen(has_directories=True), Step.ISSUE_SECURITY),
        (STARTING, UP, (), Seen(has_directories=True, has_security=True), Step.START_NODES),
        (STARTING, UP, (NODE,), replace(READY, scheduler_address=None), Step.WAIT_FOR_SCHEDULER),
        (STARTING, UP, (NODE,), replace(READY, workers=1), Step.WAIT_FOR_WORKERS),
        (STARTING, UP, (NODE,), READY, Step.MARK_RUNNING),
        (STARTING, UP, (NODE,), replace(READY, is_alive=False), Step.MARK_FAILED),
        (STARTING, UP, (NODE,), replace(READY, is_overdue=True), Step.MARK_FAILED),
        (STARTING, UP, (NODE,), replace(READY, workers=1, failures=BAD), Step.MARK_FAILED),
        (RUNNING, UP, (NODE,), READY, Step.NOTHING),
        (RUNNING, UP, (NODE,), replace(READY, workers=0, is_overdue=True), Step.NOTHING),
        (RUNNING, UP, (NODE,), Seen(), Step.MARK_FAILED),
        (FAILED, UP, (NODE,), READY, Step.STOP_NODES),
        (FAILED, UP, (), Seen(has_directories=True), Step.REMOVE_DIRECTORIES),
        (FAILED, UP, (), Seen(), Step.MARK_STARTING),
        (STOPPING, UP, (NODE,), READY, Step.STOP_NODES),
        (STOPPING, UP, (), Seen(), Step.MARK_STOPPED),
        (RUNNING, DOWN, (NODE,), READY, Step.MARK_STOPPING),
        (STARTING, DOWN, (), Seen(), Step.MARK_STOPPING),
        (STOPPING, DOWN, (NODE,), READY, Step.STOP_NODES),
        (STOPPING, DOWN, (NODE,), Seen(has_directories=True), Step.REMOVE_DIRECTORIES),
        (STOPPING, DOWN, (NODE,), Seen(), Step.MARK_STOPPED),
        (STOPPED, DOWN, (), Seen(), Step.NOTHING),
        (STOPPED, DOWN, (), Seen(is_alive=True), Step.STOP_NODES),
        (FAILED, DOWN, (NODE,), Seen(is_alive=True), Step.STOP_NODES),
        (FAILED, DOWN, (NODE,), Seen(has_directories=True), Step.REMOVE_DIRECTORIES),
        (FAILED, DOWN, (NODE,), Seen(), Step.NOTHING),
    ],
)
def test_table(status, target, nodes, seen, step):
    assert next_step(a_state(status, target, nodes), seen) is step


@pytest.mark.parametrize(("minimum", "needed"), [(None, 2), (1, 1), (2, 2), (9, 2)])
def test_how_many_workers_are_needed(minimum, needed):
    assert workers_needed(a_state(STARTING, UP, minimum=minimum)) == needed


def test_one_failure_does_not_matter_while_enough_remain():
    seen = replace(READY, workers=1, failures=BAD)
    assert next_step(a_state(STARTING, UP, minimum=1), seen) is Step.MARK_RUNNING


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (replace(READY, failures=BAD), "no"),
        (replace(READY, workers=1, is_overdue=True), "1 of 2 workers joined in time"),
        (Seen(is_overdue=True), "its scheduler does not listen yet"),
        (Seen(), "its processes have ended"),
    ],
)
def test_why_it_failed(seen, why):
    assert why_failed(a_state(STARTING, UP), seen).why == why


@dataclass
class World:
    """What would be seen, changed by steps as the real one is."""

    state: ClusterState
    seen: Seen
    mishap: str

    def perform(self, step):  # noqa: C901, PLR0912 - one line for each step
        state, seen = self.state, self.seen
        match step:
            case Step.MARK_STARTING:
                state = replace(state, status=STARTING, nodes=())
            case Step.MAKE_DIRECTORIES:
                seen = replace(seen, has_directories=True)
            case Step.ISSUE_SECURITY:
                seen = replace(seen, has_security=True)
            case Step.START_NODES:
                state = replace(state, nodes=(NODE,))
                seen = replace(seen, is_alive=self.mishap != "node dies", failures=())
            case Step.WAIT_FOR_SCHEDULER if self.mishap == "hangs":
                seen = replace(seen, is_overdue=True)
            case Step.WAIT_FOR_SCHEDULER:
                seen = replace(seen, scheduler_address="tls://")
            case Step.WAIT_FOR_WORKERS if self.mishap == "worker fails":
                seen = replace(seen, failures=BAD)
            case Step.WAIT_FOR_WORKERS:
                seen = replace(seen, workers=2)
            case Step.MARK_RUNNING:
                state = replace(state, status=RUNNING)
            case Step.MARK_FAILED:
                state = replace(state, status=FAILED, target=DOWN)
            case Step.MARK_ENDED:
                state = replace(state, status=STOPPED, target=DOWN)
                seen = replace(seen, has_directories=False, has_security=False)
            case Step.MARK_STOPPING:
                state = replace(state, status=STOPPING)
            case Step.STOP_NODES:
                seen = replace(seen, is_alive=False, workers=0, scheduler_address=None)
            case Step.REMOVE_DIRECTORIES:
                seen = replace(seen, has_directories=False, has_security=False)
            case Step.MARK_STOPPED:
                state = replace(state, status=STOPPED, nodes=())
        self.state, self.seen = state, seen


@given(
    st.booleans(),
    st.sampled_from(Status),
    st.sampled_from(Target),
    st.sampled_from([(), (NODE,)]),
    st.builds(
        Seen,
        has_directories=st.booleans(),
        has_security=st.booleans(),
        is_alive=st.booleans(),
        scheduler_address=st.none() | st.just("tls://"),
        workers=st.integers(0, 2),
        failures=st.sampled_from([(), BAD]),
        is_overdue=st.booleans(),
        was_ended=st.booleans(),
    ),
    st.sampled_from(["none", "node dies", "hangs", "worker fails"]),
)
def test_from_any_state_the_target_or_a_clean_failure_is_reached(
    has_new_owner, status, target, nodes, seen, mishap
):
    state = a_state(status, target, nodes)
    world = World(adopted(state, Owner(2, 2.0)) if has_new_owner else state, seen, mishap)
    for _ in range(20):
        step = next_step(world.state, world.seen)
        if step is Step.NOTHING:
            break
        world.perform(step)
    assert step is Step.NOTHING
    if world.state.status is RUNNING:
        assert world.state.target is UP
        assert world.seen.is_alive
    else:
        assert world.state.target is DOWN
        assert world.state.status in (STOPPED, FAILED)
        assert not world.seen.is_alive
        assert not world.seen.has_directories


def test_one_that_was_told_to_end_has_not_failed():
    assert next_step(a_state(RUNNING, UP), Seen(was_ended=True)) is Step.MARK_ENDED
    assert next_step(a_state(RUNNING, UP), replace(READY, was_ended=True)) is Step.NOTHING


@pytest.mark.parametrize(
    ("status", "target", "nodes", "goes_on_as"),
    [
        (STARTING, UP, (), STOPPED),  # it may have begun a node without recording it
        (STARTING, UP, (NODE,), STARTING),
        (RUNNING, UP, (NODE,), RUNNING),
        (STOPPING, DOWN, (NODE,), STOPPING),
    ],
)
def test_a_new_owner_goes_on(status, target, nodes, goes_on_as):
    new = Owner(2, 2.0)
    state = adopted(a_state(status, target, nodes), new)
    assert (state.owner, state.status, state.target) == (new, goes_on_as, target)
