"""A relay between notebook and runner drops, holds back or half closes what it carries.

Nobody is told of that by the system: both connections of the relay stay as they are.
"""

import pytest

import linksteps

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


def test_the_relay_was_there(relayed):
    assert int(relayed.value("len(relays)")) == 1
    assert int(relayed.value("len(relays[0].pairs)")) > len(FATES) * len(linksteps.STEPS)
