"""What to do next with a cluster whose nodes are other machines."""

from dataclasses import replace

import pytest

from jupyter_scale.clusters.reconcile import Seen, Step, next_step, why_failed
from jupyter_scale.model.cluster import (
    ClusterState,
    Machine,
    NodeState,
    Owner,
    Ownership,
    Status,
    Target,
)
from jupyter_scale.model.profile import Pool, Profile
from jupyter_scale.providers.provider import Failure

READY = {"has_directories": True, "has_security": True, "is_alive": True}
LISTENS = {**READY, "scheduler_address": "tls://10.0.0.1:8786"}


def node(name, status=Status.STARTING, pool="cpu", address="10.0.0.1", **fields):
    machine = Machine(name, address)
    return NodeState(name, pool, 0, 0.0, status, 2, machine=machine, **fields)


def state(*nodes, status=Status.STARTING, target=Target.UP, minimum=None, pools=("cpu",)):
    profile = Profile("lab", "ssh", tuple(Pool(p, len(nodes), minimum) for p in pools))
    return ClusterState(
        "1",
        "lab",
        profile,
        status,
        target,
        Owner(1, 0.0),
        "/nowhere",
        "",
        1.0,
        nodes=nodes,
        ownership=Ownership.SERVER,
    )


@pytest.mark.parametrize(
    ("minimum", "ready", "failed", "expected"),
    [
        (None, (), (), Step.WAIT_FOR_WORKERS),
        (None, ("a",), (), Step.WAIT_FOR_WORKERS),
        (None, ("a", "b"), (), Step.MARK_RUNNING),
        (1, ("b",), (), Step.MARK_RUNNING),
        (1, ("b",), ("a",), Step.MARK_RUNNING),
        (1, (), ("a",), Step.WAIT_FOR_WORKERS),
        (None, ("a",), ("b",), Step.MARK_FAILED),
        (1, (), ("a", "b"), Step.MARK_FAILED),
    ],
)
def test_min_counts_machines(minimum, ready, failed, expected):
    statuses = {name: Status.FAILED if name in failed else Status.STARTING for name in "ab"}
    known = state(node("a", statuses["a"]), node("b", statuses["b"]), minimum=minimum)
    assert next_step(known, Seen(**LISTENS, ready=frozenset(ready))) is expected


def test_a_failure_waits_until_every_machine_was_heard():
    known = state(node("a", Status.FAILED), node("b", address=""))
    assert next_step(known, Seen(**READY)) is Step.WAIT_FOR_SCHEDULER
    heard = replace(known, nodes=(known.nodes[0], node("b")))
    assert next_step(heard, Seen(**READY)) is Step.MARK_FAILED


def test_each_pool_has_its_own_minimum():
    known = state(node("a"), node("g", pool="gpu"), minimum=1, pools=("cpu", "gpu"))
    ready_a = Seen(**LISTENS, ready=frozenset("a"))
    assert next_step(known, ready_a) is Step.WAIT_FOR_WORKERS
    both = Seen(**LISTENS, ready=frozenset("ag"))
    assert next_step(known, both) is Step.MARK_RUNNING


def test_all_that_failed_is_told_at_once():
    known = state(
        node("a", Status.FAILED, error="host a failed: its key is unknown."),
        node("b", Status.FAILED, error="host b failed: nobody answers."),
    )
    failure = why_failed(known, Seen(**READY))
    assert "2 of 2 hosts failed" in failure.why
    assert any("its key is unknown" in line for line in failure.last_lines)
    assert any("nobody answers" in line for line in failure.last_lines)


def test_one_failure_is_told_as_it_is():
    known = state(node("a", Status.FAILED, error="host a failed: its key is unknown."), node("b"))
    why = Failure("host a", "its key is unknown", happened="failed")
    assert why_failed(known, Seen(**READY, failures=(why,))) is why


def test_a_start_that_takes_too_long_names_who_is_late():
    known = state(node("a"), node("b"))
    seen = Seen(**LISTENS, ready=frozenset("a"), is_overdue=True)
    assert next_step(known, seen) is Step.MARK_FAILED
    assert "b" in why_failed(known, seen).why


def test_without_its_scheduler_it_is_over():
    known = state(node("a", Status.RUNNING), node("b", Status.RUNNING), status=Status.RUNNING)
    assert next_step(known, Seen(**LISTENS)) is Step.NOTHING
    gone = {**LISTENS, "is_alive": False}
    assert next_step(known, Seen(**gone)) is Step.MARK_FAILED
    assert next_step(known, Seen(**gone, was_ended=True)) is Step.MARK_ENDED
