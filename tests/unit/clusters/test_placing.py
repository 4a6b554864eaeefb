"""Where a cell runs that asks for something."""

import pytest

from jupyter_scale.clusters.placing import NOTHING, Need, Supply, choose
from jupyter_scale.errors import UsageError
from jupyter_scale.model.cluster import ClusterState, NodeState, Owner, Status, Target
from jupyter_scale.model.profile import Pool, Profile

GB = 10**9
SUPPLIES = {"a": Supply(0, 4, 8 * GB), "b": Supply(0, 8, 32 * GB), "g": Supply(2, 4, 64 * GB)}


def state(**statuses):
    nodes = tuple(
        NodeState(
            name,
            "gpu" if name == "g" else "cpu",
            1,
            0.0,
            statuses.get(name, Status.RUNNING),
            SUPPLIES[name].cpus,
            has_scheduler=name == "a",
        )
        for name in SUPPLIES
    )
    profile = Profile("lab", "ssh", (Pool("cpu", 2), Pool("gpu", 1)))
    owner = Owner(1, 0.0)
    running = Status.RUNNING
    return ClusterState("1", "lab", profile, running, Target.UP, owner, "", "", 0.0, nodes)


def choice(need, **statuses):
    chosen = choose(state(**statuses), need, lambda node: SUPPLIES[node.name])
    return chosen.node.name, chosen.spread_to


@pytest.mark.parametrize(
    ("need", "expected"),
    [
        (NOTHING, ("a", ())),
        (Need(pool="gpu"), ("g", ("g",))),
        (Need(pool="cpu"), ("a", ("a", "b"))),
        (Need(gpus=2), ("g", ("g",))),
        (Need(memory_bytes=16 * GB), ("b", ("b", "g"))),
        (Need(cpus=8), ("b", ("b",))),
        (Need(cpus=1), ("a", ())),
        (Need(pool="cpu", memory_bytes=16 * GB), ("b", ("b",))),
    ],
)
def test_the_first_node_that_will_do(need, expected):
    assert choice(need) == expected


@pytest.mark.parametrize(
    ("need", "words"),
    [
        (Need(gpus=3), ["--gpu 3", "g (pool gpu, 2 GPUs, 4 workers, 64 GB)"]),
        (Need(pool="gup"), ["'gup'", "cpu, gpu"]),
        (Need(pool="cpu", gpus=1), ["--on cpu --gpu 1"]),
    ],
)
def test_what_nobody_has_is_told_with_what_there_is(need, words):
    with pytest.raises(UsageError) as caught:
        choice(need)
    for word in words:
        assert word in str(caught.value)


def test_a_node_that_has_failed_is_not_chosen():
    with pytest.raises(UsageError):
        choice(Need(pool="gpu"), g=Status.FAILED)
    assert choice(Need(memory_bytes=16 * GB), b=Status.FAILED) == ("g", ("g",))
