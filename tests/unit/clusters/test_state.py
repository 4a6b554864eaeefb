"""Saved state: what goes in comes out, and what is no state is said."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_scale.clusters import store
from jupyter_scale.errors import NoCluster, StateError
from jupyter_scale.model.cluster import (
    STATE_VERSION,
    ClusterState,
    NodeState,
    Owner,
    Ownership,
    RunnerState,
    Status,
    Target,
)
from jupyter_scale.model.profile import Pool, Profile
from jupyter_scale.transport.lifeline import current_owner

names = st.text(min_size=1, max_size=8)
pids = st.integers(1, 2**22)
times = st.floats(0, 1e10)
statuses = st.sampled_from(Status)
owners = st.builds(Owner, pids, times)
nodes = st.builds(
    NodeState, names, names, pids, times, statuses, st.integers(0, 9), st.integers(0, 9), names
)
profiles = st.builds(
    Profile,
    names,
    names,
    st.tuples(st.builds(Pool, names, st.integers(1, 9), st.none(), st.integers(1, 9))),
    st.none() | times,
    st.dictionaries(names, st.integers() | names | st.booleans() | st.tuples(names)),
)
states = st.builds(
    ClusterState,
    id=names,
    name=names,
    profile=profiles,
    status=statuses,
    target=st.sampled_from(Target),
    owner=owners,
    directory=names,
    shared_dir=names,
    started_at=times,
    nodes=st.lists(nodes, max_size=3).map(tuple),
    runners=st.lists(st.builds(RunnerState, names, pids, times, names, names), max_size=2).map(
        tuple
    ),
    scheduler_address=st.none() | names,
    error=st.text(max_size=8),
    ownership=st.sampled_from(Ownership),
)


def a_state(cluster="c1", owner=None):
    return ClusterState(
        id=cluster,
        name="local",
        profile=Profile("local", "local", (Pool("local"),)),
        status=Status.STARTING,
        target=Target.UP,
        owner=owner or current_owner(),
        directory=str(store.directory_of(cluster)),
        shared_dir=str(store.choose_shared_dir(cluster)),
        started_at=1.0,
    )


@given(states)
def test_round_trip(state):
    assert ClusterState.from_json(state.to_json()) == state


@given(owners)
def test_owner_round_trip(owner):
    assert Owner.parse(str(owner)) == owner


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not the saved state"),
        ("[]", "not the saved state"),
        ("{}", "not the saved state"),
        ('{"version": 99}', "version 99"),
        (f'{{"version": {STATE_VERSION}}}', "damaged"),
    ],
)
def test_what_is_no_state(text, message):
    with pytest.raises(StateError, match=message):
        ClusterState.from_json(text)


@pytest.mark.parametrize("change", [{"status": "asleep"}, {"owner": {}}, {"more": 1}])
def test_damaged_state(change):
    text = json.dumps({**json.loads(a_state().to_json()), **change})
    with pytest.raises(StateError, match="damaged"):
        ClusterState.from_json(text)


def test_store_saves_privately_and_loads():
    state = a_state()
    store.make_directories(state)
    store.save(state)
    assert store.load("c1") == state
    assert store.cluster_ids() == ["c1"]
    path = store.directory_of("c1")
    assert path.stat().st_mode & 0o777 == 0o700
    assert (path / "state.json").stat().st_mode & 0o777 == 0o600
    assert Path(state.shared_dir).stat().st_mode & 0o777 == 0o700
    store.remove(state)
    store.remove(state)
    assert store.is_removed(state)


def test_store_says_which_clusters_there_are():
    store.save(a_state("c1"))
    with pytest.raises(NoCluster, match="'c2'; there are: c1"):
        store.load("c2")


def test_sweep_takes_the_dead_and_leaves_the_living():
    dead, living = a_state("dead", Owner(os.getpid(), 1.0)), a_state("living")
    for state in (dead, living):
        store.make_directories(state)
        store.save(state)
    try:
        assert store.sweep() == ["dead"]
        assert store.is_removed(dead)
        assert not store.is_removed(living)
    finally:
        store.remove(living)


def test_sweep_leaves_what_is_just_being_made():
    fresh, old = store.directory_of("fresh"), store.directory_of("old")
    for directory in (fresh, old):
        directory.mkdir(parents=True)
    os.utime(old, (1, 1))
    assert store.sweep() == ["old"]
    assert fresh.exists()


def test_a_shared_directory_of_others_is_not_used(monkeypatch, tmp_path):
    monkeypatch.setattr(store, "_SHARED_MEMORY", tmp_path)
    ours = tmp_path / f"jupyter-scale-{os.getuid()}"
    assert store.choose_shared_dir("c") == ours / "c"
    ours.mkdir(mode=0o755)
    assert store.choose_shared_dir("c") == store.directory_of("c") / "shared"
    ours.rmdir()
    ours.symlink_to(tmp_path)
    assert store.choose_shared_dir("c") == store.directory_of("c") / "shared"


def test_only_a_dead_owners_cluster_can_be_claimed():
    living, dead = a_state("living"), a_state("dead", Owner(os.getpid(), 1.0))
    for state in (living, dead):
        store.save(state)
    with store.claimed("living") as claimed:
        assert claimed is None
    with store.claimed("nosuch") as claimed:
        assert claimed is None
    with store.claimed("dead") as claimed:
        assert claimed == dead
        with store.claimed("dead") as second:
            assert second is None


def test_who_was_told_to_end():
    state = a_state()
    assert store.is_told_to_end(state)  # nothing of it is there
    store.save(state)
    assert not store.is_told_to_end(state)
    store.save(replace(state, target=Target.DOWN))
    assert store.is_told_to_end(state)
