"""Samples, read out of what a survey says; and what a survey finds among workers."""

from dataclasses import asdict
from types import SimpleNamespace

import pytest

from jupyter_scale.model.feed import GpuView
from jupyter_scale.monitor.machine import NO_TRAFFIC, Counters, Traffic, TrafficReader, rates
from jupyter_scale.monitor.samples import NodeSample, read_sample
from jupyter_scale.monitor.survey import by_node, load_of

GPUS = (GpuView(0, "A100", 50.0, 7, 8, 40.0, 99.5, 2), GpuView(1, "A100", *[None] * 5))


def test_a_node_with_its_machine_and_one_without_an_answer():
    load = {"workers": 2, "busy": 1, "cpu": 30.0, "memory": 5, "memory_limit": 10}
    machine = {"traffic": [1.0, 2.0, None, None], "gpus": [asdict(gpu) for gpu in GPUS]}
    looked = {
        "idle_since_s": 5.0,
        "nodes": {"a": {**load, "machine": machine}, "b": {**load, "machine": None}},
    }
    sample = read_sample(looked, is_whole=False)
    assert (sample.idle_since, sample.is_whole) == (5.0, False)
    assert sample.nodes["a"] == NodeSample(2, 1, 30.0, 5, 10, Traffic(1.0, 2.0), GPUS)
    assert sample.nodes["b"] == NodeSample(2, 1, 30.0, 5, 10)


def a_worker(name, *processing, **metrics):
    return SimpleNamespace(name=name, processing=processing, metrics=metrics, memory_limit=100)


def test_workers_belong_to_the_node_whose_name_theirs_begin_with():
    workers = [a_worker(name) for name in ("n1/0", "n2/0", "n2/1", 0)]
    found = by_node(workers, "local", None)
    names = {node: [w.name for w in those] for node, those in found.items()}
    assert names == {"n1": ["n1/0"], "n2": ["n2/0", "n2/1"], "local": [0]}
    assert list(by_node(workers, "local", {"n2"})) == ["n2"]


def test_the_load_of_a_node_is_that_of_its_workers():
    workers = [a_worker("0", "task", cpu=50.0, memory=10), a_worker("1")]
    assert load_of(workers) == {
        "workers": 2,
        "busy": 1,
        "cpu": 50.0,
        "memory": 10,
        "memory_limit": 200,
    }


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (Counters(0, (10, 20), (0, 0)), Counters(2, (30, 20), (8, 4)), Traffic(10, 0, 4, 2)),
        (Counters(0, None, (0, 0)), Counters(1, (1, 1), None), NO_TRAFFIC),
        (Counters(0, (10, 20), None), Counters(1, (1, 21), None), NO_TRAFFIC),
        (Counters(3, (1, 1), None), Counters(3, (2, 2), None), NO_TRAFFIC),
    ],
)
def test_rates_between_two_looks(before, now, expected):
    assert rates(before, now) == expected


def test_who_asks_at_once_again_is_told_the_same():
    reader = TrafficReader()
    assert reader.read() == reader.read() == NO_TRAFFIC
