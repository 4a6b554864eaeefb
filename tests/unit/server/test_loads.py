"""Loads: what hardly differs is the same, and which pages are told what, and when."""

from dataclasses import replace

import pytest

from jupyter_scale.model.feed import ClusterView, GpuRow, GpuSum, GpuView, NodeView
from jupyter_scale.monitor.machine import NO_TRAFFIC, Traffic
from jupyter_scale.monitor.samples import NodeSample, Sample
from jupyter_scale.server.loads import SUMMARY_S, LoadBoard, row_of, settle, sum_up, with_load

GPU = GpuView(0, "A100", 50.0, 100, 1000, 60.0, 200.0, 1)
LOAD = NodeSample(2, 1, 100.0, 500, 1000, Traffic(1e6, 1e6, 0.0, 0.0), (GPU,))


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({"cpu_percent": 108.0}, True),  # of two workers
        ({"cpu_percent": 111.0}, False),
        ({"memory_used_bytes": 505}, True),
        ({"memory_used_bytes": 520}, False),
        ({"busy": 2}, False),
        ({"traffic": Traffic(1.04e6, 1e6, 1500.0, 0.0)}, True),
        ({"traffic": Traffic(1.10e6, 1e6, 0.0, 0.0)}, False),
        ({"traffic": NO_TRAFFIC}, False),
        ({"gpus": ()}, False),
    ],
)
def test_a_load_that_hardly_differs_is_the_one_before(changes, is_same):
    assert (settle(LOAD, replace(LOAD, **changes)) == LOAD) is is_same


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({"utilisation_percent": 51.0, "memory_used_bytes": 105, "power_w": 203.0}, True),
        ({"utilisation_percent": 60.0}, False),
        ({"utilisation_percent": None}, False),
        ({"memory_used_bytes": 150}, False),
        ({"temperature_c": 61.0}, True),
        ({"temperature_c": 62.0}, False),
        ({"power_w": 210.0}, False),
        ({"processes": 2}, False),
    ],
)
def test_a_gpu_that_hardly_differs_is_the_one_before(changes, is_same):
    now = replace(LOAD, gpus=(replace(GPU, **changes),))
    assert (settle(LOAD, now) == LOAD) is is_same


def test_what_is_new_or_was_unknown_always_shows():
    assert settle(None, LOAD) == LOAD
    unknown = replace(LOAD, gpus=(replace(GPU, power_w=None),), traffic=NO_TRAFFIC)
    assert settle(unknown, LOAD) == LOAD


def test_gpus_are_summed_up_as_far_as_they_are_known():
    other = replace(
        GPU, index=1, utilisation_percent=100.0, memory_used_bytes=900, temperature_c=80.0
    )
    assert sum_up((GPU, other)) == GpuSum(2, 75.0, 1000, 2000, 80.0, 400.0)
    silent = GpuView(1, "A100", None, None, None, None, None)
    assert sum_up((GPU, silent)) == GpuSum(2, 50.0, 100, 1000, 60.0, 200.0)
    assert sum_up((silent,)) == GpuSum(1, None, None, None, None, None)
    assert sum_up(()) is None


def test_a_row_has_each_gpu_or_their_sum():
    summed, full = (row_of("n", LOAD, in_full=in_full) for in_full in (False, True))
    assert summed == ("n", 2, 1, 100.0, 500, 1000, 10**6, 10**6, 0, 0, sum_up((GPU,)), None)
    assert full.gpus == (GpuRow(0, "A100", 50.0, 100, 1000, 60.0, 200.0, 1),)
    assert full[:-1] == summed[:-1]


def test_pages_are_told_of_all_nodes_every_few_seconds_and_only_of_those_that_changed():
    board = LoadBoard()
    nodes = {"a": LOAD, "b": LOAD}
    assert board.take("c", Sample(nodes)) == {"a", "b"}
    assert board.take_news("c", 100.0) == {"a", "b"}
    changed = {**nodes, "b": replace(LOAD, busy=2)}
    assert board.take("c", Sample(changed)) == {"b"}
    assert board.take("c", Sample(changed)) == set()
    assert board.take_news("c", 100.0 + SUMMARY_S - 1) == set()
    assert board.take_news("c", 100.0 + SUMMARY_S) == {"b"}
    assert board.take_news("c", 100.0 + 3 * SUMMARY_S) == set()
    assert [row.busy for row in board.rows("c", in_full=False)] == [1, 2]


def test_a_node_that_is_gone_is_told_of_as_unknown_once():
    board = LoadBoard()
    board.take("c", Sample({"a": LOAD, "b": LOAD}))
    board.take_news("c", 0.0)
    assert board.take("c", Sample({"a": LOAD}, is_whole=False)) == set()
    assert board.take("c", Sample({"a": LOAD})) == {"b"}
    [row] = board.rows("c", board.take_news("c", 10.0), in_full=True)
    assert (row.node, row.busy, row.gpus) == ("b", None, ())
    assert board.take("c", Sample({"a": LOAD})) == set()


def test_clusters_that_are_gone_are_forgotten():
    board = LoadBoard()
    board.take("c", Sample({"a": LOAD}))
    board.keep(["d"])
    assert (board.clusters(), board.rows("c", in_full=True)) == ((), ())


def test_a_view_with_the_load_of_its_nodes():
    names = ("a", "b")
    nodes = [NodeView(n, "p", "running", "", 2, 2, None, None, None, ()) for n in names]
    view = ClusterView(
        "c", "c", "local", "server", "running", "", 0.0, *[None] * 4, (), tuple(nodes)
    )
    a, b = with_load(view, {"a": LOAD}).nodes
    assert b == nodes[1]
    assert (a.busy, a.cpu_percent, a.network_in_bytes_per_s) == (1, 100.0, 10**6)
    assert (a.gpus, a.gpu) == ((GPU,), sum_up((GPU,)))
