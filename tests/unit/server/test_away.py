"""Runs that a page has missed: what it is told of them, and what they have shown."""

import asyncio
import threading

import pytest

from jupyter_scale.model.stored import StoredRun
from jupyter_scale.server.away import note_shown, read_shown, view_kept
from jupyter_scale.server.outputs import to_outputs
from jupyter_scale.server.threads import iterate


def stored(**facts):
    return StoredRun(
        **{
            "id": "r1",
            "kernel_id": "k",
            "notebook": "/srv/me/a.ipynb",
            "cell_id": "c",
            "execution_count": 3,
            "first_line": "x = 1",
            "status": "done",
            "started_at": 1.0,
            "ended_at": 2.0,
            "session": "s",
            "names": ("<value>", "x"),
            "is_kept": True,
            **facts,
        }
    )


@pytest.mark.parametrize(
    ("facts", "names"),
    [
        ({}, ("x",)),
        ({"is_fetched": True}, ()),
        ({"dropped": "no room"}, ()),
        ({"status": "running", "is_kept": False}, ()),
    ],
    ids=str,
)
def test_names_are_told_that_wait_to_be_fetched(facts, names):
    view = view_kept(stored(**facts), "lab", "/srv/me", is_shown=False)
    assert (view.names, view.notebook, view.cluster) == (names, "a.ipynb", "lab")


def test_a_file_remembers_which_are_shown_each_once(tmp_path):
    assert read_shown(tmp_path) == []
    for run in ("r1", "r2", "r1"):
        note_shown(tmp_path, run)
    assert read_shown(tmp_path) == ["r2", "r1"]


def test_a_run_survives_its_journey_with_the_files_that_it_wrote():
    run = stored(folder="/mirror", files=(("a.csv", 3, 0o644),), stays={"y": "a lock"})
    assert StoredRun.from_wire(run.to_wire()) == run
    before = {name: value for name, value in run.to_wire().items() if name != "files"}
    assert StoredRun.from_wire(before).files == ()


DISPLAY = {"data": {"text/plain": "1"}, "metadata": {}, "transient": {"display_id": "d"}}


@pytest.mark.parametrize(
    ("kind", "body", "output"),
    [
        (
            "stream",
            {"name": "stdout", "text": "a"},
            {"output_type": "stream", "name": "stdout", "text": "a"},
        ),
        ("display", {**DISPLAY, "update": False}, {"output_type": "display_data", **DISPLAY}),
        ("display", {**DISPLAY, "update": True}, {"output_type": "update_display_data", **DISPLAY}),
        ("clear", {"wait": True}, {"output_type": "clear_output", "wait": True}),
        (
            "result",
            {"data": {"text/plain": "1"}, "metadata": {}},
            {
                "output_type": "execute_result",
                "execution_count": 3,
                "data": {"text/plain": "1"},
                "metadata": {},
            },
        ),
        (
            "error",
            {"ename": "E", "evalue": "no", "traceback": ["t"], "in_result": False},
            {"output_type": "error", "ename": "E", "evalue": "no", "traceback": ["t"]},
        ),
        (
            "note",
            {"text": "so"},
            {"output_type": "stream", "name": "stderr", "text": "%%scale: so\n"},
        ),
    ],
)
def test_what_was_shown_is_an_output_of_a_notebook(kind, body, output):
    assert to_outputs([{"kind": kind, "body": body, "at": 1.0}], 3) == [output]


def test_what_is_no_output_is_refused():
    with pytest.raises(ValueError, match="an archive has no"):
        to_outputs([{"kind": "progress", "body": {}}], 1)


def test_items_come_in_order_and_no_faster_than_they_are_taken():
    made = []

    def items():
        for number in range(20):
            made.append(number)
            yield number

    async def take():
        taken = []
        async for number in iterate(items(), 2, 60):
            assert len(made) <= len(taken) + 4
            taken.append(number)
        return taken

    assert asyncio.run(take()) == list(range(20))


def test_a_quiet_generator_gives_a_sign_of_life():
    go_on = threading.Event()

    def items():
        yield 1
        go_on.wait(30)
        yield 2

    async def take():
        taken = []
        async for number in iterate(items(), 2, 0.01):
            taken.append(number)
            if number is None:
                go_on.set()
        return taken

    taken = asyncio.run(take())
    assert None in taken
    assert [number for number in taken if number is not None] == [1, 2]


def test_a_generator_is_closed_when_nobody_takes_its_items_and_its_errors_are_told():
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    async def leave():
        taking = iterate(endless(), 1, 60)
        async for _ in taking:
            break
        await taking.aclose()

    asyncio.run(leave())
    assert closed.wait(30)

    def failing():
        yield 1
        raise OSError("gone")

    async def take():
        return [number async for number in iterate(failing(), 1, 60)]

    with pytest.raises(OSError, match="gone"):
        asyncio.run(take())
