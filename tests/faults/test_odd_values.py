"""Values whose pickling is strange: nothing hangs for good, nothing is wrong in silence."""

import pytest

from waiting import eventually


@pytest.fixture(autouse=True)
def quiet(notebook):
    notebook.run("%scale quiet")


def test_pickling_with_side_effects(notebook):
    notebook.run(
        "class Tick:\n"
        "    times = 0\n"
        "    def __init__(self): self.x = [1]\n"
        "    def __getstate__(self): Tick.times += 1; return dict(self.__dict__)\n"
        "t = Tick()"
    )
    assert notebook.run("%%scale\nt.x.append(2); t.x").result["text/plain"] == "[1, 2]"
    assert notebook.value("t.x") == "[1, 2]"


def test_pickling_that_differs_each_time(notebook):
    notebook.run(
        "import itertools\n"
        "numbers = itertools.count()\n"
        "class Odd:\n"
        "    def __reduce__(self): return Odd, (), {'n': next(numbers)}\n"
        "o = Odd()"
    )
    outputs = notebook.run("%%scale\ntype(o).__name__")
    assert outputs.status == "ok"
    assert outputs.result["text/plain"] == "'Odd'"


def test_pickling_that_hangs_can_be_interrupted(notebook):
    notebook.run(
        "import os, time\n"
        "class Slow:\n"
        "    def __reduce__(self): open('begun', 'w').close(); time.sleep(1000)\n"
        "s = Slow(); kept = [1]"
    )
    run = notebook.start("%%scale\nkept.append(2); s")
    assert eventually((notebook.directory / "work" / "begun").exists, 20)
    notebook.interrupt()
    assert run.finish().ename == "KeyboardInterrupt"
    notebook.run("del s")
    assert notebook.run("%%scale\nkept.append(3); kept").result["text/plain"] == "[1, 3]"


def test_nesting_deeper_than_a_pickler_stands(notebook):
    notebook.run("deep = []\nfor _ in range(100_000): deep = [deep]")
    outputs = notebook.run("%%scale\nlen(deep)")
    assert outputs.result["text/plain"] == "1"
    assert "%%scale: ran here: deep" in outputs.stderr
    assert "recursion" in outputs.stderr
    outputs = notebook.run("%%scale\nmade = []\nfor _ in range(100_000): made = [made]")
    assert outputs.status == "ok"
    assert notebook.value("len(made)") == "1"
    notebook.run("del deep, made")


def test_a_notebook_that_defines_what_others_rely_on(notebook):
    notebook.run("__name__ = 'mine'; sum = 5\ndef print(*args): shown.append(args)\nshown = []")
    outputs = notebook.run("%%scale\nprint(__name__, sum)")
    assert "ran here: the notebook has given itself another __name__" in outputs.stderr
    notebook.run("del print, sum; __name__ = '__main__'")
    assert notebook.value("shown") == "[('mine', 5)]"
    assert notebook.run("%%scale\n__name__").result["text/plain"] == "'__main__'"
