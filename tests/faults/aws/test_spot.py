"""Spot instances that are taken back."""

import time

import pytest

from awsprofiles import left, write_profile
from waiting import eventually

POOLS = (
    {"name": "base", "count": 1},
    {"name": "more", "count": 1, "spot": True},
)


@pytest.fixture
def laptop(aws, tmp_path, ec2_laptop):
    write_profile(tmp_path / "notebooks", *POOLS, max_cost=5.0)
    laptop = ec2_laptop()
    assert "is up: 2 workers" in laptop.run("%scale up train")
    return laptop


def spot(aws):
    return [one for one in aws.living if one.api.lifecycle == "spot"]


@pytest.mark.parametrize("has_notice", [True, False])
def test_a_loop_loses_nothing_and_the_pool_is_refilled(aws, laptop, has_notice):
    [taken] = spot(aws)
    laptop.run("import time\ndef slow(i):\n    time.sleep(0.25)\n    return i * i")
    laptop.begin("%%scale\nsquares = [slow(i) for i in range(100)]")
    [head] = [one for one in aws.living if one is not taken]
    clusters = head.machine.home / ".cache/jupyter-scale/clusters"
    assert eventually(lambda: list(clusters.glob("*/*/runners/*/busy")), 60)
    time.sleep(3)  # in the middle of the loop
    if has_notice:
        taken.interrupt()
    else:
        taken.reclaim()
    laptop.result()
    assert laptop.run("print(squares == [i * i for i in range(100)])") == "True\n"
    is_refilled = eventually(lambda: spot(aws) and spot(aws)[-1] is not taken, 120)
    assert is_refilled, laptop.run("%scale")  # a silent one is noticed late
    assert eventually(lambda: "workers  2 of 2" in laptop.run("%scale"), 60), laptop.run("%scale")
    assert "more-1: running" in laptop.run("%scale")
    laptop.run("%scale down")
    assert left(aws) == {}
