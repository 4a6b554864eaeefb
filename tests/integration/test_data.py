"""What a notebook has on the cluster: told to the panel, freed, fetched."""

import psutil
import pytest

from waiting import eventually

ASKING = "__import__('sys').modules['jupyter_scale.magics'].held({!r})"
MB = 1_000_000


@pytest.fixture(scope="module", autouse=True)
def numbers(notebook):
    notebook.run("%scale quiet\nimport numpy as np")


def ok(outputs):
    assert outputs.status == "ok", outputs.traceback
    return outputs


def held(notebook, known=""):
    """Ask as the panel does; return the whole answer."""
    run = notebook.start("", user_expressions={"value": ASKING.format(known)})
    ok(run.finish())
    return run.expressions["value"]["data"]["application/json"]


def states(notebook):
    return {row[0]: row[4] for row in held(notebook)["names"]}


def sent(notebook):
    return notebook.value("__import__('jupyter_scale').last_run.sent")


def memory_of_runners(notebook):
    total = 0
    for process in notebook.processes():
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total


def test_what_the_panel_is_told(notebook):
    notebook.run("X = np.zeros((1000, 100))\nrows = [1, 2]")
    ok(notebook.run("%%scale --keep model\ntotal = X.sum() + len(rows)\nmodel = X + 1"))
    answer = held(notebook)
    assert answer["cluster"] == "local"
    rows = {row[0]: row for row in answer["names"]}
    assert {"X", "rows", "total", "model"} <= set(rows)
    assert rows["X"][1:5] == ["numpy.ndarray", "(1000, 100) float64", 800_000, "same"]
    assert rows["model"][1:5] == ["numpy.ndarray", "(1000, 100) float64", 800_000, "stays"]
    assert rows["model"][6:] == ["--keep", True, True]
    again = held(notebook, answer["stamp"])
    assert (again["names"], again["stamp"]) == (None, answer["stamp"])

    notebook.run("X[0, 0] = 5\ndel rows")
    assert {name: states(notebook)[name] for name in ("X", "rows", "total", "model")} == {
        "X": "changed",
        "rows": "gone",
        "total": "same",
        "model": "stays",
    }
    shown = ok(notebook.run("%scale data")).stdout
    assert "numpy.ndarray  (1000, 100) float64  800 kB  stays there: --keep" in shown
    ok(notebook.run("%%scale\nX.sum()"))
    assert states(notebook)["X"] == "same"
    assert "rows" not in states(notebook)


def test_a_copy_is_freed_and_sent_again_when_it_is_read(notebook):
    ok(notebook.run("%%scale\nbig = np.ones(25_000_000)"))
    before = memory_of_runners(notebook)
    freed = ok(notebook.run("%scale free big")).stdout
    assert freed == "The cluster has let go of big (200 MB).\n"
    assert eventually(lambda: memory_of_runners(notebook) < before - 150 * MB, 30)
    assert "big" not in states(notebook)
    assert notebook.value("big.sum()") == "25000000.0"
    assert ok(notebook.run("%%scale\nbig.sum()")).result["text/plain"].endswith("25000000.0)")
    assert sent(notebook) == "('big',)"
    ok(notebook.run("%%scale\nbig[0] = 2"))
    assert notebook.value("big[0]") == "2.0"
    ok(notebook.run("%scale free big"))
    notebook.run("del big")


def test_a_value_that_stays_there_is_lost_with_its_name(notebook):
    ok(notebook.run("%%scale --keep large\nlarge = np.ones(25_000_000)"))
    before = memory_of_runners(notebook)
    ok(notebook.run("pair = [large]\n%scale free large"))
    assert eventually(lambda: memory_of_runners(notebook) < before - 150 * MB, 30)
    assert "large" not in states(notebook)
    assert "lost with the cluster: it was freed" in notebook.value("large")
    assert notebook.run("%%scale\nlarge.sum()").ename == "ValueLost"
    assert notebook.run("%%scale\npair[0].sum()").ename == "ValueLost"
    ok(notebook.run("%%scale\nlarge = 1"))
    assert notebook.value("large") == "1"


def test_a_value_that_stays_there_is_fetched(notebook):
    ok(notebook.run("%%scale --keep model\nmodel = np.arange(1_000_000)"))
    notebook.run("alias = model")
    ok(notebook.run("%scale get model"))
    assert states(notebook)["alias"] == "stays"
    notebook.run("some = [alias]\ndel alias")
    assert [row[4] for row in held(notebook)["names"] if row[0] == "model"] == ["same"]
    assert notebook.value("type(model) is np.ndarray, model[-1]") == "True 999999"
    assert states(notebook)["model"] == "same"
    ok(notebook.run("%%scale\nmodel.sum()"))
    assert sent(notebook) == "()"


def test_what_cannot_be_done_is_said_and_nothing_is_done(notebook):
    ok(notebook.run("%%scale --keep kept\nkept = np.arange(10_000)\nx = 1"))
    for line, name in (("free kept", "nothing"), ("get kept", "x")):
        refused = notebook.run(f"%scale {line} {name}")
        assert refused.ename == "UsageError"
        assert repr(name) in refused.evalue
    assert states(notebook)["kept"] == "stays"


def test_the_silent_request_of_the_panel(notebook):
    ok(notebook.run("%%scale --keep a b\na = np.arange(10_000)\nb = np.arange(10_000)"))
    for line, status in (("free a", "ok"), ("get b", "ok"), ("free nothing", "error")):
        id_ = notebook.client.execute(f"%scale {line}", silent=True, store_history=False)
        reply = notebook.client.get_shell_msg(timeout=60)
        assert reply["parent_header"]["msg_id"] == id_
        assert reply["content"]["status"] == status, reply
    assert (states(notebook).get("a"), states(notebook)["b"]) == (None, "same")
    ok(notebook.run("%%scale\nb.sum()"))
    assert sent(notebook) == "()"


def test_after_the_process_died_nothing_is_there(notebook):
    ok(notebook.run("%%scale --keep kept\nkept = np.arange(10_000)\ny = [1]"))
    notebook.run("%%scale\nimport os\nos.kill(os.getpid(), 9)")
    assert states(notebook) == {}
    assert notebook.run("%scale free y").ename == "UsageError"
    assert "lost with the cluster" in notebook.value("kept")
