"""A relay between notebook and runner drops, holds back or half closes what it carries.

Nobody is told of that by the system: both connections of the relay stay as they are.
"""

import json
import os
import signal

import pytest

import linksteps
from waiting import eventually

pytestmark = [pytest.mark.absences, pytest.mark.timeout(300)]

BEAT_S = 0.25

#: What the relay does to the connection that is there; the next ones are carried.
FATES = {
    "drops all": "pair.drop('up', 'down')",
    "drops what goes up": "pair.drop('up')",
    "drops what comes down": "pair.drop('down')",
    "ends the way up": "pair.close('up')",
    "ends the way down": "pair.close('down')",
    "holds all back until there is another": (
        "pair.hold('up', 'down'); hooks['release_later'](relays[-1].client, pair)"
    ),
}


@pytest.fixture(scope="module")
def relayed(notebook):
    """A notebook whose link goes through a relay, with a cluster that is up."""
    assert notebook.run(linksteps.prepare()).status == "ok"
    assert notebook.run(f"relays = hooks['relayed']({BEAT_S})").status == "ok"
    assert notebook.run("%%scale\nready = len(text)").status == "ok"
    return notebook


def assert_whole(notebook, step, place):
    size = int(notebook.value("len(text)"))
    answer = notebook.run(linksteps.cell(place))
    assert answer.status == "ok", answer
    assert answer.stdout == linksteps.LINES
    assert answer.result["text/plain"] == str(size)
    assert notebook.run("%%scale\nagain = data['rows'] * 2").status == "ok"
    assert notebook.value("reached") == f"[{step!r}]"
    expected = ([1, size], [1, size, 1, size], True)
    assert notebook.value("(data['rows'], again, back == text[::-1])") == str(expected)


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("step", linksteps.STEPS)
def test_a_bad_link(relayed, step, fate, tmp_path):
    done = relayed.run(
        "text = text + 'c'\ndata = {'rows': [1]}\n"
        f"def spoil(connection):\n    pair = relays[-1].newest\n    {FATES[fate]}\n"
        f"reached = hooks['at']({step!r}, spoil)"
    )
    assert done.status == "ok", done
    assert_whole(relayed, step, tmp_path / "cell")


@pytest.mark.parametrize("step", ["while running", "while streaming"])
def test_an_old_connection_attaches_when_another_has_taken_over(relayed, step, tmp_path):
    relayed.run(
        "text = text + 'c'\ndata = {'rows': [1]}\n"
        f"reached = hooks['at']({step!r}, hooks['hold_the_next'](relays))"
    )
    assert_whole(relayed, step, tmp_path / "cell")


def test_a_notebook_that_sleeps_counts_as_away(relayed, tmp_path):
    """Its link is as it was, but nobody is heard: what the cell shows is written down."""
    size = int(relayed.value("len(text)"))
    relayed.run("data = {'rows': [1]}")
    source = linksteps.cell(tmp_path / "cell", mark="asleep")
    run = relayed.start(
        f"{source}\nwhile not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.05)"
    )
    run.wait_for("line 3\n")
    os.kill(relayed.pid, signal.SIGSTOP)
    try:
        assert eventually(lambda: not stored(relayed, "asleep")["is_attended"], 60)
    finally:
        os.kill(relayed.pid, signal.SIGCONT)
    assert eventually(lambda: stored(relayed, "asleep")["is_attended"], 60)
    (tmp_path / "go").mkdir()
    answer = run.finish()
    assert (answer.status, answer.stdout) == ("ok", linksteps.LINES), answer
    assert relayed.value("data['rows']") == f"[1, {size}]"


def stored(notebook, mark):
    """Return what is written down of a run, if it is."""
    for path in notebook.runtime.rglob("runs/*/run.json"):
        run = json.loads(path.read_text())
        if f"'{mark}'" in run["first_line"]:
            return run
    return {"is_attended": True}


def test_the_relay_was_there(relayed):
    assert int(relayed.value("len(relays)")) == 1
    assert int(relayed.value("len(relays[0].pairs)")) > len(FATES) * len(linksteps.STEPS)
