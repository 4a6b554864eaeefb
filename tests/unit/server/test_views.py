"""What panels are shown: views, and that deltas lead from one snapshot to the next."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_scale.model.cluster import ClusterState, NodeState, Owner, Ownership, Status, Target
from jupyter_scale.model.facts import LoopFact, RunFact
from jupyter_scale.model.feed import (
    ClusterView,
    LoopsChange,
    LoopView,
    NodesChange,
    NodeView,
    RunView,
    StepView,
)
from jupyter_scale.model.log import LogLine, bounded
from jupyter_scale.model.profile import Pool, Profile
from jupyter_scale.model.run import Inputs
from jupyter_scale.server.views import (
    MOST_RUNS,
    MOST_STEPS,
    World,
    apply,
    difference,
    newest_runs,
    ordered,
    shown_idle,
    snapshot,
    view_cluster,
    view_run,
    with_step,
)

ids = st.sampled_from("abcdef")
moments = st.integers(0, 3).map(float)
nodes = st.builds(
    NodeView,
    ids,
    ids,
    st.sampled_from(["starting", "running"]),
    st.just(""),
    st.integers(0, 2),
    st.just(2),
    st.none() | moments,
    st.none(),
    st.none(),
    st.just(()),
)
clusters = st.builds(
    ClusterView,
    ids,
    ids,
    st.just("local"),
    st.sampled_from(["server", "kernel"]),
    st.sampled_from(["starting", "running", "failed"]),
    st.just(""),
    moments,
    st.none() | moments,
    st.none(),
    st.just(()),
    st.lists(nodes, max_size=2, unique_by=lambda node: node.name).map(tuple),
)


def a_loop(done):
    return LoopView(
        line=1,
        total=9,
        done=done,
        running=1,
        failed=0,
        workers=2,
        rate_per_s=None,
        speedup=None,
        queued=8 - done,
        ends_at=None,
    )


runs = st.builds(
    RunView,
    id=ids,
    cluster=ids,
    kernel_id=ids,
    notebook=ids,
    cell_id=ids,
    execution_count=st.integers(1, 3),
    first_line=ids,
    status=st.sampled_from(["running", "done"]),
    started_at=moments,
    ended_at=st.none() | moments,
    error=st.just(""),
    loops=st.lists(st.integers(0, 3).map(a_loop), max_size=2).map(tuple),
)


def unique(views):
    return ordered({view.id: view for view in views}.values())


worlds = st.builds(
    World,
    st.lists(clusters, max_size=5).map(unique),
    st.lists(runs, max_size=5).map(unique),
    st.sampled_from([(), ("local",), ("lab", "local")]),
)


def a_line(number):
    level = "info" if number % 3 else "error"
    return LogLine(number, 7.0, level, "c", "lab", "", "", f"line {number}", None, "", "")


@given(st.lists(worlds, min_size=2, max_size=5))
def test_deltas_lead_from_one_world_to_the_next(history):
    shown = history[0]
    for seq, now in enumerate(history[1:], start=1):
        delta = difference(shown, now, seq, 7.0)
        if delta is None:
            assert now == shown
        else:
            assert (delta.seq, delta.sent_at) == (seq, 7.0)
            shown = apply(shown, delta)
        assert snapshot(shown, seq, 7.0) == snapshot(now, seq, 7.0)


def test_of_many_nodes_only_the_one_that_changed_travels():
    names = [f"n{number}" for number in range(100)]
    before = view_cluster(a_state(*map(a_node, names)), (), None)
    now = view_cluster(a_state(*map(a_node, names[:-1]), a_node("n99", joined=2)), (), None)
    delta = difference(World((before,)), World((now,)), 1, 7.0)
    assert delta.clusters == ()
    assert delta.nodes == (NodesChange("c", now.nodes[-1:]),)
    without = difference(World((before,)), World((replace(now, nodes=now.nodes[1:]),)), 1, 7.0)
    assert [len(view.nodes) for view in without.clusters] == [99]


@given(runs)
def test_of_a_run_that_goes_on_only_its_loops_travel(run):
    before, now = (replace(run, loops=(a_loop(done),)) for done in (1, 2))
    delta = difference(World((), (before,)), World((), (now,)), 1, 7.0)
    assert (delta.runs, delta.loops) == ((), (LoopsChange(run.id, now.loops),))
    other = replace(now, error="of another kind")
    delta = difference(World((), (before,)), World((), (other,)), 1, 7.0)
    assert (delta.runs, delta.loops) == ((other,), ())


@given(st.lists(st.integers(0, 400), min_size=2, max_size=5))
def test_of_the_log_only_new_lines_travel(counts):
    lines: tuple[LogLine, ...] = ()
    shown = World()
    for seq, count in enumerate(counts, start=1):
        new = tuple(a_line(1 + n) for n in range(seq * 1000, seq * 1000 + count))
        lines = bounded((*lines, *new))
        delta = difference(shown, World(log=lines), seq, 7.0)
        if delta is not None:
            assert delta.log == bounded(new)
            shown = apply(shown, delta)
        assert shown.log == lines


@given(worlds)
def test_what_does_not_change_makes_no_delta(world):
    assert difference(world, world, 1, 7.0) is None


@given(worlds, worlds)
def test_a_delta_has_only_what_changed(before, now):
    delta = difference(before, now, 1, 7.0)
    if delta is not None:
        assert not set(delta.clusters) & set(before.clusters)
        assert not set(delta.runs) & set(before.runs)
        nodes = {(view.id, node) for view in before.clusters for node in view.nodes}
        assert not {(c.cluster, node) for c in delta.nodes for node in c.nodes} & nodes
        assert (delta.profiles is None) is (before.profiles == now.profiles)


def a_state(*nodes):
    profile = Profile("p", "local", (Pool("p"),), idle_timeout_s=60.0)
    return ClusterState(
        "c", "p", profile, Status.RUNNING, Target.UP, Owner(1, 1.0), "/d", "/s", 5.0, nodes
    )


def a_node(name="local", joined=1):
    return NodeState(name, "p", 1, 1.0, Status.RUNNING, workers=2, joined=joined)


@pytest.mark.parametrize(
    ("since", "is_attended", "told"),
    [(None, True, None), (95.0, True, 95.0), (95.0, False, None), (70.0, False, 70.0)],
)
def test_of_a_short_rest_nobody_is_told_who_does_not_look(since, is_attended, told):
    assert shown_idle(a_state(), since, 100.0, is_attended=is_attended) == told


def test_a_cluster_as_it_is_saved():
    steps = [StepView("running", "running", 1.0)]
    view = view_cluster(a_state(a_node()), steps, 7.0)
    assert (view.status, view.owner, view.idle_since, view.idle_timeout_s) == (
        "running",
        "kernel",
        7.0,
        60.0,
    )
    assert view.steps == tuple(steps)
    [node] = view.nodes
    assert (node.workers, node.workers_wanted, node.cpu_percent) == (1, 2, None)


def test_a_cluster_of_a_server_is_shown_as_its():
    state = replace(a_state(a_node()), ownership=Ownership.SERVER)
    assert view_cluster(state, (), None).owner == "server"


def test_a_node_tells_its_pool_and_why_it_failed():
    failed = replace(a_node("n2"), pool="gpu", status=Status.FAILED, error="n2: no route.\nWait.")
    view = view_cluster(a_state(a_node("n1"), failed), (), None)
    assert [(node.pool, node.status, node.error) for node in view.nodes] == [
        ("p", "running", ""),
        ("gpu", "failed", "n2: no route.\nWait."),
    ]


def noted(*steps):
    result = []
    for at, (step, message) in enumerate(steps):
        result = with_step(result, StepView(step, message, float(at)))
    return [(one.step, one.message) for one in result]


def test_machines_go_on_side_by_side_in_one_step_each():
    assert noted(
        ("node h1", "h1: connecting"),
        ("node h2", "h2: connecting"),
        ("workers", "workers 0/2"),
        ("node h1", "h1: prepared"),
        ("workers", "workers 1/2"),
    ) == [
        ("node h1", "h1: prepared"),
        ("node h2", "h2: connecting"),
        ("workers", "workers 1/2"),
    ]


def test_of_many_steps_the_latest_are_kept_and_those_of_all_machines():
    machines = [(f"node h{number}", "connecting") for number in range(MOST_STEPS + 10)]
    others = [(f"step {number}", "") for number in range(MOST_STEPS + 10)]
    assert noted(*machines, *others) == machines + others[10:]


LOOP = LoopFact(
    line=2,
    total=10,
    done=4,
    running=3,
    failed=1,
    workers=2,
    ends_at=1.23,
    done_before=1,
    started_at=0.0,
)
FACT = RunFact(
    id="r",
    seq=1,
    session="s",
    kernel_id="k",
    notebook="/root/a/b.ipynb",
    cell_id="cell",
    execution_count=3,
    first_line="x = 1",
    status="running",
    started_at=1.0,
    loops=(LOOP,),
)


@pytest.mark.parametrize(
    ("notebook", "shown"),
    [
        ("/root/a/b.ipynb", "a/b.ipynb"),
        ("/elsewhere/b.ipynb", "/elsewhere/b.ipynb"),
        ("", ""),
    ],
)
def test_notebooks_are_named_from_the_servers_directory(notebook, shown):
    fact = replace(FACT, notebook=notebook)
    assert view_run(fact, "c", "/root", is_lost=False).notebook == shown


def test_a_loops_counts_add_up():
    [loop] = view_run(FACT, "c", "/root", is_lost=False).loops
    assert loop.done + loop.running + loop.queued == loop.total == 10
    assert (loop.failed, loop.ends_at) == (1, 1.2)


def test_of_a_loop_that_has_ended_nothing_waits():
    over = replace(LOOP, number=4, is_over=True, running=0)
    [loop] = view_run(replace(FACT, loops=(over,)), "c", "/root", is_lost=False).loops
    assert (loop.number, loop.is_over, loop.queued) == (4, True, 0)


def test_what_a_failure_was_at_is_shown():
    inputs = (Inputs(values=("alpha = 0.1",), line=2, index=7),)
    failed = replace(FACT, status="failed", ended_at=2.0, inputs=inputs)
    assert view_run(failed, "c", "/root", is_lost=False).inputs == inputs


@pytest.mark.parametrize(
    ("fact", "status"),
    [(FACT, "lost"), (replace(FACT, status="done", ended_at=2.0), "done")],
)
def test_a_run_whose_cluster_is_gone_is_lost_unless_it_had_ended(fact, status):
    view = view_run(fact, "c", "/", is_lost=True)
    assert (view.status, view.ended_at) == (status, fact.ended_at)
    assert [loop.running for loop in view.loops] == [0 if status == "lost" else 3]


def test_old_runs_are_forgotten_but_none_that_goes_on():
    view = view_run(FACT, "c", "/", is_lost=False)
    views = [replace(view, id="long", started_at=0.0)]
    views += [
        replace(view, id=str(n), started_at=1.0 + n, status="done") for n in range(MOST_RUNS + 10)
    ]
    kept = newest_runs(reversed(views))
    assert len(kept) == MOST_RUNS + 1
    assert (kept[0].id, kept[1].id, kept[-1].id) == ("long", "10", str(MOST_RUNS + 9))
