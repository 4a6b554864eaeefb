"""Which nodes a cluster has for a number of workers."""

from dataclasses import replace

import pytest

from jupyter_scale.clusters.sizing import is_settled, size
from jupyter_scale.errors import ClusterError
from jupyter_scale.model.cluster import (
    ClusterState,
    Machine,
    NodeState,
    Owner,
    RunnerState,
    Status,
    Target,
)
from jupyter_scale.model.profile import Pool, Profile


def node(number, workers=2, cores=2, pool="cpu", status=Status.RUNNING, **fields):
    name = f"{pool}-{number}"
    machine = Machine(f"u@10.0.0.{number}", directory=f"/srv/u/{name}", cores=cores)
    return NodeState(
        name, pool, 7, 0.0, status, workers, machine=machine, has_scheduler=number == 1, **fields
    )


def state(*nodes, workers=None, pools=("cpu",), runners=()):
    profile = Profile("train", "aws", tuple(Pool(p, 1, workers=workers) for p in pools))
    runs = tuple(RunnerState("s", 1, 0.0, f"/srv/u/{on}/runners/s", "") for on in runners)
    owner = Owner(1, 0.0)
    return ClusterState(
        *("1", "train", profile, Status.RUNNING, Target.UP, owner, "/nowhere", "", 1.0),
        nodes=nodes,
        runners=runs,
    )


def outcome(state, workers, pool=""):
    """Return who stays with how many workers, who parts, and how many come."""
    sizing = size(state, workers, pool)
    kept = {node.name: node.workers for node in sizing.kept}
    return kept, [node.name for node in sizing.parting], sizing.more


@pytest.mark.parametrize(
    ("nodes", "workers", "kept", "parting", "more"),
    [
        ((node(1),), 2, {1: 2}, [], 0),
        ((node(1),), 6, {1: 2}, [], 2),
        ((node(1),), 5, {1: 2}, [], 2),  # what is paid for is used
        ((node(1, 1),), 4, {1: 2}, [], 1),
        ((node(1), node(2)), 1, {1: 1}, ["cpu-2"], 0),
        ((node(1), node(2)), 3, {1: 2, 2: 1}, [], 0),
        ((node(2), node(1)), 2, {1: 2}, ["cpu-2"], 0),  # the scheduler stays
        ((node(1), node(2, 1, 1)), 5, {1: 2, 2: 1}, [], 2),
        ((node(1), node(2, status=Status.FAILED), node(3)), 4, {1: 2, 3: 2}, ["cpu-2"], 0),
        ((node(1), node(2, 0, 0, status=Status.STARTING)), 4, {1: 2, 2: 0}, [], 0),
        ((node(1), node(2, 0, 0, status=Status.STARTING), node(3)), 4, {1: 2, 3: 2}, ["cpu-2"], 0),
    ],
)
def test_nodes_come_and_go(nodes, workers, kept, parting, more):
    kept = {f"cpu-{number}": workers for number, workers in kept.items()}
    assert outcome(state(*nodes), workers) == (kept, parting, more)


def test_the_profile_says_how_many_workers_a_node_has():
    assert outcome(state(node(1, 1, 8), workers=1), 3) == ({"cpu-1": 1}, [], 2)


def test_a_node_with_a_runner_stays_longer():
    nodes = node(1), node(2), node(10), node(20)
    kept, parting, _ = outcome(state(*nodes, runners=["cpu-20"]), 4)
    assert kept == {"cpu-1": 2, "cpu-20": 2}
    assert parting == ["cpu-2", "cpu-10"]


def test_other_pools_stay_as_they_are():
    gpu = replace(node(2, pool="gpu"), has_scheduler=False)
    both = state(node(1), node(2), gpu, pools=("cpu", "gpu"))
    kept, parting, more = outcome(both, 2, "cpu")
    assert kept == {"cpu-1": 2, "gpu-2": 2}
    assert (parting, more) == (["cpu-2"], 0)
    assert outcome(both, 4, "gpu")[2] == 1
    with pytest.raises(ClusterError, match=r"pools cpu, gpu: say which"):
        size(both, 4)
    with pytest.raises(ClusterError, match=r"no pool 'tpu'; its pools are: cpu, gpu"):
        size(both, 4, "tpu")


def test_it_is_settled_when_all_have_joined():
    assert is_settled([node(1, joined=2), node(2, status=Status.FAILED)])
    assert not is_settled([node(1, joined=1)])
    assert not is_settled([node(1, joined=2), node(2, 0, 0, status=Status.STARTING)])
