"""Runs on disk: when they are written, given back, dropped, and told as lost."""

import asyncio
import time
from dataclasses import replace

import pytest

from jupyter_scale.archive.archive import Archive
from jupyter_scale.archive.needs import has_unfetched
from jupyter_scale.errors import ProtocolError
from jupyter_scale.model.messages import EventKind
from jupyter_scale.model.stored import StoredRun
from jupyter_scale.runner.host.away.spool import Spool
from jupyter_scale.transport.framing import Unframer

NOTHING = {"names": [], "nbytes": 0, "stays": {}}
KEEP_FOR_S = 3600.0


def run(name="r1", **facts):
    return StoredRun(
        id=name,
        kernel_id="k",
        notebook="n.ipynb",
        cell_id="c",
        execution_count=1,
        first_line="x = 1",
        status="running",
        started_at=1.0,
        session="s",
        **facts,
    )


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path)


@pytest.fixture
def spool(archive):
    return Spool(archive, "s", KEEP_FOR_S)


def shown(archive, name="r1"):
    events = Unframer().feed(archive.output_path(name).read_bytes())
    return "".join(event["body"]["text"] for event in events)


def say(spool, text):
    spool.take(EventKind.STREAM, {"name": "stdout", "text": text})


async def begun(spool, *, is_alone=False, **facts):
    spool.begin(run(**facts), is_alone=is_alone)
    say(spool, "one ")


def test_a_short_run_of_a_notebook_that_listens_writes_nothing(spool, archive):
    asyncio.run(begun(spool))
    spool.end(7, "done", "")
    spool.acknowledge(7)
    assert spool.is_empty
    assert archive.runs() == []


def test_what_was_shown_before_the_link_broke_is_kept_in_order(spool, archive):
    asyncio.run(begun(spool))
    assert archive.runs() == []
    spool.attend(is_attended=False)
    say(spool, "two")
    assert shown(archive) == "one two"
    assert not archive.read("r1").is_attended
    ended = spool.end(7, "failed", "ValueError: no")
    spool.keep(ended, {"names": ["x"], "nbytes": 5, "stays": {"y": "a lock"}})
    [kept] = archive.runs()
    assert (kept.status, kept.error, kept.names, kept.stays) == (
        "failed",
        "ValueError: no",
        ("x",),
        {"y": "a lock"},
    )
    assert kept.is_settled
    assert not spool.is_empty


def test_an_acknowledgement_gives_back_what_was_kept(spool, archive):
    asyncio.run(begun(spool, is_alone=True))
    spool.keep(spool.end(7, "done", ""), NOTHING)
    spool.acknowledge(6)
    assert not archive.read("r1").is_fetched
    archive.result_path("r1").write_bytes(b"parcel")
    spool.acknowledge(7)
    assert archive.read("r1").is_fetched
    assert not archive.result_path("r1").exists()
    assert spool.is_empty


@pytest.mark.parametrize(("cell", "is_there"), [("c", True), ("", False)])
def test_what_a_cell_has_shown_stays_for_a_page_that_was_closed(archive, cell, is_there):
    archive.write(replace(run(), cell_id=cell, status="done", ended_at=2.0, output_bytes=3))
    archive.output_path("r1").write_bytes(b"out")
    archive.note_fetched("r1")
    assert archive.output_path("r1").exists() == is_there
    assert archive.read("r1").output_bytes == (3 if is_there else 0)
    assert not archive.read("r1").is_waiting


def test_what_ended_long_ago_goes_from_the_disk_when_the_next_is_written(archive, spool):
    now = time.time()
    ends = {"old": now - 2 * KEEP_FOR_S, "new": now}
    for name, ended_at in ends.items():
        archive.write(replace(run(name), status="done", ended_at=ended_at, is_kept=True))
    archive.write(replace(run("at-work"), started_at=0.0))
    asyncio.run(begun(spool, is_alone=True))
    assert {each.id for each in archive.runs()} == {"new", "at-work", "r1"}


def test_a_detached_run_is_kept_whatever_its_sender_has_seen(spool, archive):
    asyncio.run(begun(spool, is_detached=True))
    ended = spool.end(7, "done", "")
    spool.acknowledge(7)
    assert spool.unacknowledged == [ended]
    spool.keep(ended, NOTHING)
    spool.acknowledge(7)
    assert not archive.read("r1").is_fetched


def test_a_run_that_is_asked_for_again_leaves_nothing(spool, archive):
    asyncio.run(begun(spool, is_alone=True))
    spool.forget()
    assert archive.runs() == []
    assert spool.is_empty


def test_the_oldest_go_first_when_there_is_no_room(tmp_path):
    archive = Archive(tmp_path, limit_bytes=1000)
    for number, name in enumerate(("old", "new", "newest")):
        ended = replace(run(name), status="done", started_at=number, ended_at=5.0, is_kept=True)
        archive.write(ended)
        archive.result_path(name).write_bytes(bytes(600))
    dropped = archive.make_room(spare="newest")
    assert [one.id for one in dropped] == ["old", "new"]
    assert archive.read("old").dropped
    assert archive.result_path("newest").exists()


def test_a_run_whose_runner_has_ended_without_a_word_is_lost(archive):
    archive.write(run(process="1:0.5"))  # process 1 is another one
    assert archive.look("r1").status == "lost"
    assert archive.read("r1").is_settled


def test_what_waits_to_be_fetched_is_work_for_so_long(archive, tmp_path):
    archive.write(replace(run(), status="done", ended_at=1.0, is_kept=True))
    assert not has_unfetched(tmp_path, 60.0)
    assert has_unfetched(tmp_path, 1e12)
    archive.note_fetched("r1")
    assert not has_unfetched(tmp_path, 1e12)


@pytest.mark.parametrize("name", ["..", "a/b", "", "../x"])
def test_an_id_is_no_path(archive, name):
    with pytest.raises(ProtocolError):
        archive.directory_of(name)


def test_only_this_user_can_read_it(archive):
    archive.write(run())
    assert (archive.directory_of("r1") / "run.json").stat().st_mode & 0o777 == 0o600
    assert archive.directory_of("r1").stat().st_mode & 0o777 == 0o700


def test_a_disk_that_is_gone_ends_nothing(spool, tmp_path, capsys):
    (tmp_path / "runs").write_text("no directory")
    asyncio.run(begun(spool, is_alone=True))
    say(spool, "two")
    spool.advance(1, 2)
    ended = spool.end(7, "done", "")
    assert spool.keep(ended, NOTHING) == []
    spool.acknowledge(7)
    assert spool.is_empty
    assert "cannot be kept" in capsys.readouterr().err


def test_a_moments_run_is_kept_and_nothing_waits_for_it(spool, archive, tmp_path):
    asyncio.run(begun(spool))
    spool.keep(spool.end(7, "done", ""), NOTHING)  # its notebook was killed before it could say
    assert shown(archive) == "one "
    assert not archive.read("r1").is_fetched
    assert spool.is_empty
    assert not has_unfetched(tmp_path, 1e12)
