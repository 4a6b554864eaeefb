"""Sets iterate on the cluster as they do in the notebook, or a note says why not."""

from notebook import Notebook

MAKE = """
import random
rng = random.Random(3)
def word(): return ''.join(rng.choice('abcdefghij') for _ in range(5))
def some(n):
    made = {word() for _ in range(n + n // 3)}
    while len(made) > n:
        made.discard(rng.choice(sorted(made)))
    return made
sets = [some(n) for n in [2, 3, 5, 8, 10, 17, 30, 50, 200] for _ in range(20)]
orders = [list(s) for s in sets]
"""


def ok(outputs):
    assert outputs.status == "ok", outputs.traceback
    return outputs


def test_there_and_back(notebook):
    ok(notebook.run("%scale quiet"))
    ok(notebook.run(MAKE))
    there = ok(notebook.run("%%scale\nsum(list(s) == order for s, order in zip(sets, orders))"))
    assert there.result["text/plain"] == "180"
    ok(
        notebook.run(
            "%%scale\nback = [some(20) for _ in range(50)]\nseen = [list(s) for s in back]"
        )
    )
    assert notebook.value("sum(list(s) == order for s, order in zip(back, seen))") == "50"
    ok(notebook.run("%%scale\nfor s in sets: s.add('one more')\norders = [list(s) for s in sets]"))
    assert notebook.value("sum(list(s) == order for s, order in zip(sets, orders))") == "180"


def test_on_workers(notebook):
    notebook.run(
        "def order_of(i):\n    import time\n    time.sleep(0.02)\n"
        "    return list(sets[i]), {*sets[i]}"
    )
    ok(notebook.run("%%scale\nfound = [order_of(i) for i in range(100)]"))
    assert notebook.value("__import__('jupyter_scale').last_run.loops[0]['spread'] > 0") == "True"
    assert notebook.value("all(o == list(sets[i]) for i, (o, _) in enumerate(found))") == "True"
    assert (
        notebook.value("all(list(s) == list({*sets[i]}) for i, (_, s) in enumerate(found))")
        == "True"
    )


def test_what_cannot_be_kept_is_noted_once(tmp_path):
    notebook = Notebook(tmp_path, PYTHONHASHSEED="random")
    try:
        notebook.run("%load_ext jupyter_scale\n%scale quiet")
        notebook.run("words = {'a', 'b', 'c'}\nnumbers = {1, 2, 3}")
        assert ok(notebook.run("%%scale\nlen(words), sorted(words), list(numbers)")).stderr == ""
        noted = ok(notebook.run("%%scale\nfor w in words: pass")).stderr
        assert noted.startswith("%%scale: the set 'words' has another order on the cluster")
        assert "PYTHONHASHSEED" in noted
        assert ok(notebook.run("%%scale\nlist(words)")).stderr == ""
        assert "a set that the cell makes" in notebook.run("%%scale\nlist({'a', 'b'})").stderr
        notebook.run("class Thing: pass\nthings = {Thing(), Thing()}")
        noted = notebook.run("%%scale\n[t for t in things]").stderr
        assert "'things' has another order on the cluster: a Thing hashes by its address" in noted
    finally:
        notebook.close()
