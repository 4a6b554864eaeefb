"""The link to the runner breaks at every step of a cell: all of it comes, once and in order."""

import pytest

import linksteps


@pytest.fixture(scope="module")
def hooked(notebook):
    """A notebook whose link can be broken, with a cluster that is up."""
    assert notebook.run(linksteps.prepare()).status == "ok"
    assert notebook.run("%%scale\nready = len(text)").status == "ok"
    return notebook


@pytest.mark.parametrize("step", linksteps.STEPS)
def test_broken_once(hooked, step, tmp_path):
    assert hooked.run("text = text + 'c'\ndata = {'rows': [1]}").status == "ok"
    size = int(hooked.value("len(text)"))
    hooked.run(f"broken = hooks['at']({step!r}, lambda connection: connection.abort())")
    answer = hooked.run(linksteps.cell(tmp_path / "cell"))
    assert answer.status == "ok", answer
    assert answer.stdout == linksteps.LINES
    assert answer.result["text/plain"] == str(size)
    assert not answer.stderr
    # Whatever was not acknowledged is asked for, and answered, by now.
    assert hooked.run("%%scale\nagain = data['rows'] * 2").status == "ok"
    assert hooked.value("broken") == f"[{step!r}]"
    expected = ([1, size], [1, size, 1, size], True)
    assert hooked.value("(data['rows'], again, back == text[::-1])") == str(expected)


def test_broken_again_and_again_while_it_streams(hooked):
    hooked.run(
        "breaks = []\n"
        "def again(connection):\n"
        "    breaks.append(1)\n"
        "    connection.abort()\n"
        "    if len(breaks) < 8:\n"
        "        hooks['at']('while streaming', again)\n"
        "hooks['at']('while streaming', again)"
    )
    answer = hooked.run(
        "%%scale\nfor number in range(400):\n    print(number, flush=True)\n    time.sleep(0.005)"
    )
    assert answer.stdout == "".join(f"{number}\n" for number in range(400))
    assert int(hooked.value("len(breaks)")) >= 2
