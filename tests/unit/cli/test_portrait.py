"""Clusters as they are shown."""

import json
from dataclasses import replace

import pytest

from jupyter_scale.cli.portrait import Look, line_of, lines_of, span, to_dict
from jupyter_scale.model.cluster import (
    ClusterState,
    NodeState,
    Owner,
    Ownership,
    Status,
    Target,
)
from jupyter_scale.model.profile import Pool, Profile

PROFILE = Profile("lab", "ssh", (Pool("cpu"),), idle_timeout_s=1800.0, orphan_after_s=7200.0)
NODE = NodeState("h1", "cpu", 12, 1.0, Status.RUNNING, 4, joined=4)
STATE = ClusterState(
    id="abc",
    name="lab",
    profile=PROFILE,
    status=Status.RUNNING,
    target=Target.UP,
    owner=Owner(77, 1.0),
    directory="/run/abc",
    shared_dir="",
    started_at=1000.0,
    nodes=(NODE, replace(NODE, name="h2", joined=3)),
    scheduler_address="tls://10.0.0.1:8786",
    ownership=Ownership.SERVER,
)
LOOK = Look(is_alive=True, is_owner_alive=True, workers=7, sessions=("s1",), now=1000.0 + 4000)


def rows(state, look):
    found = {}
    for line in lines_of(state, look):
        name, _, text = line.partition(" ")
        found.setdefault(name, []).append(text.strip())
    return found


def test_all_that_is_known():
    shown = rows(STATE, LOOK)
    assert shown["cluster"] == ["lab (ssh), running"]
    assert shown["workers"] == ["7 of 8"]
    assert shown["up"] == ["1 h 07 min"]
    assert shown["owner"] == ["the process 77"]
    assert shown["ends"] == [
        "when nothing ran for 30 min, or when no owner was heard for 2 h 00 min"
    ]
    assert shown["node"] == [
        "h1: running, pool cpu, 4 workers",
        "h2: running, pool cpu, 4 workers",
    ]
    assert shown["session"] == ["s1"]
    assert "error" not in shown


def test_a_cluster_whose_processes_ended_without_a_word_is_lost():
    look = replace(LOOK, is_alive=False, workers=0)
    assert rows(STATE, look)["cluster"] == ["lab (ssh), lost"]
    assert " lost " in line_of(STATE, look)
    failed = replace(STATE, status=Status.FAILED, error="it did not start\nsecond line")
    assert rows(failed, look)["cluster"] == ["lab (ssh), failed"]
    assert lines_of(failed, look)[-1] == "error    it did not start\n         second line"


def test_owners():
    orphan = rows(STATE, replace(LOOK, is_owner_alive=False))
    assert orphan["owner"] == ["none now: the next Jupyter server takes it over"]
    own = replace(STATE, ownership=Ownership.KERNEL, profile=Profile("lab", "local", ()))
    shown = rows(own, LOOK)
    assert shown["owner"] == ["the kernel 77: the cluster ends with it"]
    assert shown["ends"] == ["when it is told to"]


def test_for_programs():
    shown = json.loads(json.dumps(to_dict(STATE, LOOK)))
    assert shown["status"] == "running"
    assert shown["owner"] == {"kind": "server", "pid": 77, "is_alive": True}
    assert (shown["workers"], shown["workers_wanted"], shown["uptime_s"]) == (7, 8, 4000.0)
    assert [node["name"] for node in shown["nodes"]] == ["h1", "h2"]
    assert shown["sessions"] == ["s1"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(5, "5 s"), (90, "2 min"), (3600, "1 h 00 min"), (90000, "1 d 1 h")],
)
def test_spans(seconds, shown):
    assert span(seconds) == shown
