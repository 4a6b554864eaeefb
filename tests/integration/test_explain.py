"""``%%scale --explain`` runs nothing, and says what the run then does."""

import re

from notebook import Notebook

SETUP = """
import numpy as np
X = np.arange(1_000_000.0)
rows = [{'n': i} for i in range(1000)]
offset = 3
def helper(i): return i + offset
def fit(i): return helper(i) * X[0]
seen = set()
"""
CELLS = [
    "total = fit(1) + len(rows)",
    "rows.append(1)",
    "out = [fit(i) for i in range(3)]\nd = sorted(seen)",
    "eval('offset')",
    "del_me = rows[0]\ndel del_me",
    "None",
]
LAST = (
    "(lambda w: (w.last_explanation.sends == w.last_run.sent_bytes,"
    " sorted(w.last_explanation.sent) == sorted(w.last_run.sent), w.last_run.sent_bytes))"
    "(get_ipython().magics_manager.registry['ScaleMagics'].workspace)"
)


def shown(outputs):
    assert outputs.status == "ok", outputs.traceback
    return outputs.displays[-1][0]["text/plain"]


def test_nothing_is_started(tmp_path):
    notebook = Notebook(tmp_path)
    try:
        notebook.run("%load_ext jupyter_scale\n%scale quiet")
        notebook.run(SETUP)
        outputs = notebook.run("%%scale --explain\nran = fit(1)")
        text = shown(outputs)
        assert "--explain" in notebook.value("In[-2]")
        assert re.search(r"^runs +on a cluster on this machine, which it would start", text)
        assert re.search(r"^X +ndarray +8.0 MB +new +8.0 MB +cell → fit → X$", text, re.MULTILINE)
        assert re.search(r"^offset .* cell → fit → helper → offset$", text, re.MULTILINE)
        assert re.search(r"^binds +ran$", text, re.MULTILINE)
        assert "<td" in outputs.displays[-1][0]["text/html"]
        assert not notebook.clusters
        assert not notebook.processes()
        assert notebook.value("'ran' in globals()") == "False"
        notebook.run("%%scale\nran = fit(1)")
        assert notebook.value(LAST).startswith("(True, True,")
    finally:
        notebook.close()


def test_it_says_what_the_run_then_does(notebook):
    notebook.run("%scale quiet")
    notebook.run(SETUP)
    for cell in CELLS:
        for change in ("", "rows[5]['n'] = -1", "X[0] = 7", "def helper(i): return i"):
            if change:
                notebook.run(change)
            shown(notebook.run("%%scale --explain\n" + cell))
            assert notebook.run("%%scale\n" + cell).status == "ok"
            assert notebook.value(LAST).startswith("(True, True,"), (cell, change)


def test_what_is_there_and_what_changed(notebook):
    notebook.run("%scale quiet")
    notebook.run(SETUP)
    assert "new" in shown(notebook.run("%%scale --explain\nX.sum()"))
    notebook.run("%%scale\nX.sum()")
    text = shown(notebook.run("%%scale --explain\nX.sum()"))
    assert re.search(r"^runs +on the cluster 'local', \d workers?$", text, re.MULTILINE)
    assert re.search(r"^sends +0 B$", text, re.MULTILINE)
    assert re.search(r"^X +ndarray +8.0 MB +there already +– +cell$", text, re.MULTILINE)  # noqa: RUF001
    notebook.run("X[0] = 5")
    text = shown(notebook.run("%%scale --explain\nX.sum()"))
    assert re.search(r"^X +ndarray +8.0 MB +changed +131 kB +cell$", text, re.MULTILINE)
    notebook.run("%%scale --keep model\nmodel = np.ones(1_000_000)")
    text = shown(notebook.run("%%scale --explain\nmodel.sum()"))
    assert re.search(r"^model .*8.0 MB +stays there +– +cell$", text, re.MULTILINE)  # noqa: RUF001


def test_what_cannot_travel_and_by_which_path(notebook):
    notebook.run("import threading\nbox = {'lock': threading.Lock()}")
    notebook.run("def inner(): return box\ndef outer(): return inner()")
    text = shown(notebook.run("%%scale --explain\nouter()"))
    assert "runs     here: box['lock'] (_thread.lock) cannot travel" in text
    assert "stuck    box['lock'] (_thread.lock)" in text
    assert "read by cell → outer → inner → box" in text
    text = shown(notebook.run("%%scale --explain --strict\nouter()"))
    assert "nowhere, because of --strict" in text
    noted = notebook.run("%%scale\nouter()").stderr
    assert "box['lock'] (_thread.lock) cannot travel" in noted
    assert "read by cell → outer → inner → box" in noted
    text = shown(notebook.run("%%scale --explain\ninput()"))
    assert "here: input() asks in the notebook" in text


def test_loops(notebook):
    notebook.run(
        "def slow(i):\n    import time\n    time.sleep(0.02)\n    seen.add(i)\n    return i"
    )
    notebook.run("seen = set()")
    cell = "a = [slow(i) for i in range(50)]\nb = [i for i in range(3)]"
    text = shown(notebook.run("%%scale --explain\n" + cell))
    assert re.search(r"^loop +line 1, list comprehension: may spread$", text, re.MULTILINE)
    assert re.search(
        r"^loop +line 2, list comprehension: in order, nothing to compute", text, re.MULTILINE
    )
    notebook.run("%%scale\n" + cell)
    text = shown(notebook.run("%%scale --explain\n" + cell))
    assert "last time in order: it changes 'seen'" in text
    assert "in order, --serial" in shown(notebook.run("%%scale --explain --serial\n" + cell))


def test_reads_by_text(notebook):
    text = shown(notebook.run("%%scale --explain\neval('1')"))
    assert "reads every name: eval() on line 1" in text


def test_slow_checks_are_named(notebook):
    notebook.run(
        "import time\nclass Slow:\n    def __getstate__(self):\n        time.sleep(0.6)\n"
        "        return {}\nslow = Slow()\nquick = 1"
    )
    notebook.run("%scale quiet off")
    outputs = notebook.run("%%scale\nrepr(slow) + str(quick)")
    line = outputs.displays[-1][0]["text/plain"]
    assert re.search(r"· checked slow \d+(\.\d)? s ·", line), line
    notebook.run("%scale quiet")
