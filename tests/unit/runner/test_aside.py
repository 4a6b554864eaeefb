"""What a cluster that broke down has left goes to the next one of its profile, or goes away."""

import time

import pytest

from jupyter_scale.archive.archive import Archive
from jupyter_scale.archive.aside import set_aside, take_up
from jupyter_scale.model.stored import StoredRun

DAY_S = 86400.0


@pytest.fixture
def places(tmp_path):
    return tmp_path / "kept"


@pytest.fixture
def broken(tmp_path):
    """The archive of a cluster that broke down, with three runs of which one had not ended."""
    archive = Archive(tmp_path / "broken")
    for name, status, facts in (
        ("waits", "done", {"is_kept": True}),
        ("fetched", "done", {"is_kept": True, "is_fetched": True}),
        ("going-on", "running", {"process": ""}),
    ):
        ended_at = None if status == "running" else time.time()
        archive.write(
            StoredRun(
                id=name,
                kernel_id="k",
                notebook="n.ipynb",
                cell_id="c",
                execution_count=1,
                first_line="x = 1",
                status=status,
                started_at=1.0,
                ended_at=ended_at,
                session="s",
                **facts,
            )
        )
    archive.output_path("waits").write_bytes(b"said")
    return archive


def test_the_next_cluster_of_the_profile_has_it(tmp_path, places, broken):
    set_aside(tmp_path / "broken", places, "lab", DAY_S)
    assert broken.runs() == []
    take_up(tmp_path / "other", places, "another profile")
    assert Archive(tmp_path / "other").runs() == []
    take_up(tmp_path / "next", places, "lab")
    taken = Archive(tmp_path / "next")
    found = {run.id: run.status for run in taken.runs()}
    assert found == {"waits": "done", "fetched": "done", "going-on": "lost"}
    assert taken.output_path("waits").read_bytes() == b"said"
    assert not places.exists()


def test_what_waited_for_too_long_is_removed_by_whoever_comes_next(tmp_path, places, broken):
    set_aside(tmp_path / "broken", places, "lab", 1e-6 + DAY_S)
    [until] = places.glob("*/until")
    until.write_text(str(time.time() - 1))
    take_up(tmp_path / "next", places, "another profile")
    assert not places.exists()


def test_nothing_is_set_aside_where_nobody_waits(tmp_path, places, broken):
    for run in broken.runs():
        broken.note_fetched(run.id)
    set_aside(tmp_path / "broken", places, "lab", DAY_S)
    assert not places.exists()


def test_it_is_this_users_alone(tmp_path, places, broken):
    set_aside(tmp_path / "broken", places, "lab", DAY_S)
    assert [place.stat().st_mode & 0o777 for place in places.glob("*/")] == [0o700]
