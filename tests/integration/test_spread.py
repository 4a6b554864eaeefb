"""Loops on the workers: what the plain loop gives, or in order with the reason."""

import json
import os
import signal
import textwrap
import threading

import pytest

PREPARE = """
import logging
import time
import warnings
from collections import namedtuple
from dataclasses import dataclass

import numpy as np


def nap():
    time.sleep(0.05)


numbers = np.zeros(5000)
sentinel = object()
seen = []
Pair = namedtuple("Pair", "x y")


class Thing:
    shared = []

    def go(self):
        return 1


@dataclass
class Point:
    x: int


def square(i):
    nap()
    return i * i


def view(i):
    nap()
    return numbers[i : i + 2]


def give_sentinel(i):
    nap()
    return sentinel


def make_thing(i):
    nap()
    return Thing()


class Loud(dict):
    def __setitem__(self, key, value):
        seen.append(key)
        super().__setitem__(key, value)


def read_factor():
    return factor


def len_seen():
    return len(seen)


factor = 0


def make_point(i):
    nap()
    return Point(i)


def noisy(i):
    nap()
    print("iteration", i)
    return i


def warn(i):
    nap()
    warnings.warn("careful")
    return i


def fail_at_seven(i):
    nap()
    print(i)
    if i == 7:
        raise ValueError(i)
    return i


def remember(i):
    nap()
    seen.append(i)
    return len(seen)


def draw(i):
    nap()
    return np.random.rand()


def change_item(item):
    nap()
    item.append(1)
    return item


def write_file(i):
    nap()
    with open("written.txt", "a") as file:
        file.write(f"{i} ")
    return i


def show(i):
    nap()
    display(i, display_id=True)
    return i


def log(i):
    nap()
    logging.warning("value %s", i)
    return i


def nested(i):
    nap()
    return [square] * 2, {"i": i}


import decimal, os, pathlib, string, sys

pathlib.Path("spread_own.py").write_text(
    "limit = 1\\nseen = []\\ndef get(): return limit, len(seen)\\n"
    "def remember(i):\\n    seen.append(i)\\n    return len(seen)\\n"
)
sys.path.insert(0, os.getcwd())
import matplotlib, pandas, sklearn, spread_own

np.set_printoptions(precision=2, formatter={"bool": lambda x: "T" if x else "F"})
np.seterr(divide="raise")
pandas.set_option("display.precision", 3)
matplotlib.rcParams["lines.linewidth"] = 4
sklearn.set_config(assume_finite=True)
decimal.getcontext().prec = 4
string.mine = {"a": 1}
spread_own.limit = 5
spread_own.seen.append(0)


def look_around(i):
    nap()
    try:
        np.ones(1) / 0
        raised = False
    except FloatingPointError:
        raised = True
    return (
        repr(np.array([1.23456])), repr(np.array([True])), raised,
        pandas.get_option("display.precision"), matplotlib.rcParams["lines.linewidth"],
        sklearn.get_config()["assume_finite"], str(decimal.Decimal(1) / 3),
        string.mine, spread_own.get(),
    )


def use_module(i):
    nap()
    return spread_own.remember(i)


def set_option(i):
    nap()
    pandas.set_option("display.precision", 3 + i % 2)
    return pandas.get_option("display.precision")


def set_errors(i):
    nap()
    return np.seterr(over="raise" if i % 2 else "warn")["over"]


def change_library(i):
    nap()
    string.mine["a"] += 1
    return string.mine["a"]
"""


@pytest.fixture(scope="module")
def spread(notebook):
    notebook.run("%scale quiet")
    assert notebook.run(PREPARE).status == "ok"
    assert notebook.run("%%scale --serial\nready = 1").status == "ok"
    assert notebook.run("%%scale\n_warm = [square(i) for i in range(20)]").status == "ok"

    def run(source, status="ok"):
        outputs = notebook.run("%%scale\n" + textwrap.dedent(source))
        assert outputs.status == status, outputs
        loops = notebook.value(
            "__import__('json').dumps(__import__('jupyter_scale').last_run.loops)"
        )
        return outputs, json.loads(loops)

    return run


SPREAD = {
    "results in order": ("[square(i) for i in range(12)]", "r == [i * i for i in range(12)]"),
    "conditions": ("[square(i) for i in range(12) if i % 3]", "r[0] == 1 and len(r) == 8"),
    "targets that unpack": (
        "[square(i) + v for i, v in enumerate([5] * 12)]",
        "r == [i * i + 5 for i in range(12)]",
    ),
    "views stay views": (
        "[view(i) for i in range(12)]",
        "all(np.shares_memory(v, numbers) for v in r)",
    ),
    "sentinels stay themselves": (
        "[give_sentinel(i) for i in range(12)]",
        "all(x is sentinel for x in r)",
    ),
    "classes stay themselves": (
        "[make_thing(i) for i in range(12)]",
        "all(type(x) is Thing and x.go() == 1 for x in r)",
    ),
    "data classes": ("[make_point(i) for i in range(12)]", "r[3] == Point(3)"),
    "named tuples": (
        "[Pair(square(i), 1) for i in range(12)]",
        "type(r[0]) is Pair and r[3].x == 9",
    ),
    "functions stay themselves": (
        "[nested(i) for i in range(12)]",
        "all(x[0] == [square, square] and x[1]['i'] == i for i, x in enumerate(r))",
    ),
    "captured lists stay themselves": (
        "[(nap(), seen)[1] for i in range(12)]",
        "all(x is seen for x in r)",
    ),
    "settings are seen": (
        "[look_around(i) for i in range(12)]",
        "r == [look_around(0)] * 12",
    ),
    "a set": ("{square(i % 5) for i in range(12)}", "r == {0, 1, 4, 9, 16}"),
    "a dictionary": ("{i % 5: square(i) for i in range(12)}", "r[1] == 121 and list(r)[-1] == 4"),
    "a generator argument": ("sum(square(i) for i in range(12))", "r == 506"),
    "map": ("list(map(square, range(12)))", "r == [i * i for i in range(12)]"),
    "two fors": (
        "[square(i) + j for i in range(12) for j in range(i % 3)]",
        "r == [i * i + j for i in range(12) for j in range(i % 3)]",
    ),
    "a generator without a name": (
        "[square(i) for i in (j for j in range(12))]",
        "r == [i * i for i in range(12)]",
    ),
    "items that change": (
        "[change_item(x) for x in (items := [[] for _ in range(12)])]",
        "items == [[1]] * 12 and all(a is b for a, b in zip(r, items))",
    ),
    "keys of sorted": (
        "[sorted([square(i), 3], key=lambda v: v * i) for i in range(12)]",
        "r[1] == [1, 3]",
    ),
}


@pytest.mark.parametrize("name", SPREAD)
def test_spreads(notebook, spread, name):
    loop, check = SPREAD[name]
    _, [report] = spread(f"r = {loop}")
    assert report["spread"] > 0, report["why"]
    assert notebook.value(check) == "True"


IN_ORDER = {
    "a changed list": (
        "seen.clear()\nr = [remember(i) for i in range(12)]",
        "r == list(range(1, 13)) and seen == list(range(12))",
        "changes 'seen'",
    ),
    "random numbers": (
        "np.random.seed(3)\nr = [draw(i) for i in range(12)]",
        "(np.random.seed(3), r == [np.random.rand() for _ in range(12)])[1]",
        "numpy.random",
    ),
    "changed items that are shared": (
        "item = []\nr = [len(change_item(x)) for x in [item] * 12]",
        "item == [1] * 12 and r == list(range(1, 13))",
        "change what their items share",
    ),
    "a file": (
        "r = [write_file(i) for i in range(12)]",
        "open('written.txt').read().split() == [str(i) for i in range(12)]",
        "outside effect",
    ),
    "displays": ("r = [show(i) for i in range(12)]", "r == list(range(12))", "display()"),
    "log messages": (
        "logging.basicConfig(format='%(message)s', force=True)\nr = [log(i) for i in range(12)]",
        "r == list(range(12))",
        "a message of the logger 'root'",
    ),
    "module globals": (
        "r = [use_module(i) for i in range(12)]",
        "r == list(range(2, 14)) and spread_own.seen == [0, *range(12)]",
        "changes 'spread_own.seen'",
    ),
    "an option": (
        "r = [set_option(i) for i in range(12)]",
        "r == [3, 4] * 6 and pandas.get_option('display.precision') == 4",
        "pandas' options",
    ),
    "error handling": (
        "r = [set_errors(i) for i in range(12)]",
        "r == ['warn', *['warn', 'raise'] * 5, 'warn'] and np.geterr()['over'] == 'raise'",
        "numpy's error handling",
    ),
    "a library's attribute": (
        "r = [change_library(i) for i in range(12)]",
        "r == list(range(2, 14)) and string.mine == {'a': 13}",
        "changes 'string.mine'",
    ),
    "a generator that has a name": (
        "g = (j for j in range(12))\nr = [square(i) for i in g]\ndel g",
        "r == [i * i for i in range(12)]",
        "items come from a generator",
    ),
    "what a loop goes through": (
        "d = dict.fromkeys(range(12))\nfor k in d: d[k] = square(k)",
        "d == {i: i * i for i in range(12)}",
        "changes what it goes through",
    ),
    "what a function reads": (
        "for k in range(12): factor = square(k) + read_factor()",
        "factor == 506",
        "reads 'factor'",
    ),
    "an alias": (
        "other = seen\nseen.clear()\nfor k in range(12): other.append(square(k) + len_seen())",
        "seen == [k * k + k for k in range(12)]",
        "read the list that they change",
    ),
    "a receiver of one's own": (
        "mine = Loud()\nfor k in range(12): mine[k] = square(k)",
        "mine == {k: k * k for k in range(12)}",
        "changes 'mine', a Loud",
    ),
}


@pytest.mark.parametrize("name", IN_ORDER)
def test_runs_in_order(notebook, spread, name):
    source, check, why = IN_ORDER[name]
    _, reports = spread(source)
    assert notebook.value(check) == "True"
    [report] = [r for r in reports if r["why"]]
    assert report["spread"] == 0
    assert why in report["why"]


def test_a_verdict_is_forgotten_with_the_function(notebook, spread):
    _, [report] = spread("r = [remember(i) for i in range(12)]")
    assert report["spread"] == 0
    notebook.run("kept, remember = remember, square")
    _, [report] = spread("r = [remember(i) for i in range(12)]")
    notebook.run("remember = kept")
    assert report["spread"] > 0


def test_closures_share_the_loops_variable(notebook, spread):
    _, reports = spread("r = [(nap(), lambda: i)[1] for i in range(8)]")
    assert reports == []
    assert notebook.value("[f() for f in r] == [7] * 8") == "True"


def test_text_comes_in_order(spread):
    outputs, [report] = spread("r = [noisy(i) for i in range(12)]")
    assert report["spread"] > 0
    assert outputs.stdout == "".join(f"iteration {i}\n" for i in range(12))


def test_a_warning_is_shown_once(spread):
    outputs, [report] = spread("r = [warn(i) for i in range(12)]")
    assert report["spread"] > 0
    assert outputs.stderr.count("UserWarning: careful") == 1


def test_the_first_exception_is_raised_as_in_order(notebook, spread):
    source = "r = [fail_at_seven(i) for i in range(12)]"
    notebook.run("r = 'before'")
    plain = notebook.run(source)
    outputs, _ = spread(source, status="error")
    assert outputs.stdout == plain.stdout == "".join(f"{i}\n" for i in range(8))
    assert (outputs.ename, outputs.evalue) == ("ValueError", "7")
    here, there = plain.execution_count, outputs.execution_count
    assert outputs.traceback == plain.traceback.replace(f"In[{here}]", f"In[{there}]")
    assert notebook.value("r") == "before"


def test_large_results_come_home(notebook, spread):
    _, [report] = spread("r = [(nap(), np.full(200_000, i))[1] for i in range(12)]")
    assert report["spread"] > 0
    assert notebook.value("all((x == i).all() for i, x in enumerate(r))") == "True"


def test_serial_leaves_loops_alone(notebook):
    outputs = notebook.run("%%scale --serial\nr = [square(i) for i in range(12)]")
    assert outputs.status == "ok"
    assert notebook.value("__import__('jupyter_scale').last_run.loops") == "()"


FOR = """
out, table, total, values, bad = [], {}, 0, np.zeros(12), []
for i, x in enumerate(range(12)):
    y = square(x)
    if y % 5 == 0:
        bad.append(x)
        continue
    out.append(y)
    table[x] = y
    total += y
    values[i] = y
    print(i, y)
else:
    ended = True
"""


def test_a_for_loop_leaves_what_the_plain_one_leaves(notebook, spread):
    outputs, [report] = spread(FOR)
    assert report["spread"] > 0, report["why"]
    seen = "out, table, total, values.tolist(), bad, i, x, y, ended"
    got = notebook.value(seen)
    plain = notebook.run(FOR)
    assert got == notebook.value(seen)
    assert outputs.stdout == plain.stdout


def test_loops_in_functions_spread(notebook, spread):
    define = """
        def all_squares(xs):
            found = []
            for x in xs:
                y = square(x)
                found.append(y)
            return found, x, y, sum(square(x) for x in xs)
    """
    code = notebook.run(textwrap.dedent(define)).status
    assert code == "ok"
    before = notebook.value("all_squares.__code__.co_code.hex()")
    _, reports = spread("r = all_squares(range(12))")
    assert [report["spread"] > 0 for report in reports] == [True, True]
    assert notebook.value("r == ([i * i for i in range(12)], 11, 121, 506)") == "True"
    assert notebook.value("all_squares.__code__.co_code.hex()") == before
    _, reports = spread(textwrap.dedent(define) + "r = all_squares(range(12))")
    assert [report["spread"] > 0 for report in reports] == [True, True]
    assert notebook.value("all_squares.__code__.co_code.hex()") == before


def test_effects_end_where_the_plain_loop_fails(notebook, spread):
    source = "out = []\nfor i in range(12):\n    y = square(i)\n    out.append(1 / (i - 7))"
    outputs, [report] = spread(source, status="error")
    assert report["spread"] > 0
    assert notebook.value("(len(out), i, y)") == "(7, 7, 49)"
    plain = notebook.run(source)
    assert "----> 4" in plain.traceback
    assert outputs.traceback.splitlines()[3:] == plain.traceback.splitlines()[3:]


def test_every_iteration_has_its_own_generators(notebook, spread):
    source = """import random
random.seed(1); np.random.seed(2)
r = [(nap(), random.random(), np.random.rand())[1:] for i in range(12)]"""
    outputs = notebook.run("%%scale --seed-each\n" + source)
    assert outputs.status == "ok"
    loops = notebook.value("__import__('jupyter_scale').last_run.loops[0]['spread'] > 0")
    assert loops == "True"
    once = notebook.value("r")
    assert notebook.value("len(set(r))") == "12"
    assert notebook.run("%%scale --seed-each --serial\n" + source).status == "ok"
    assert notebook.value("r") == once


def test_who_vouches_gets_it_spread(notebook, spread):
    notebook.run("seen.clear()")
    outputs = notebook.run("%%scale --spread\nr = [(nap(), seen.append, i)[2] for i in range(12)]")
    assert outputs.status == "ok"
    outputs = notebook.run("%%scale --spread\nr = [len(remembered(i)) for i in range(12)]")
    assert outputs.status == "error"  # nothing of that name
    assert notebook.run("%%scale --spread\nr = [remember(i) for i in range(12)]").status == "ok"
    assert notebook.value("__import__('jupyter_scale').last_run.loops[0]['spread'] > 0") == "True"
    assert notebook.run("%%scale --spread --serial\n1").status == "error"


def test_an_iteration_that_kills_its_worker_is_named(notebook, spread):
    notebook.run("import os\nhome = 0")
    notebook.run("%%scale\nhome = os.getpid()")
    outputs, _ = spread(
        """
        out = []
        for i in range(12):
            nap()
            if i == 7 and os.getpid() != home:
                os._exit(3)
            out.append(i)
        """,
        status="error",
    )
    assert "IterationKilled" in outputs.traceback, outputs
    assert "Iteration 7 of the loop in line" in outputs.traceback
    assert notebook.value("out") == str(list(range(7)))
    _, [report] = spread("r = [square(i) for i in range(12)]")
    assert notebook.value("r[-1]") == "121"
    assert report["spread"] > 0, report["why"]


def test_a_worker_that_is_killed_changes_nothing(notebook, spread, tmp_path):
    go_on, is_there = tmp_path / "go on", threading.Event()
    notebook.run("import os, signal")
    spread("workers = {(nap(), os.getpid())[1] for i in range(12)}\nworkers.remove(os.getpid())")
    [victim, *_] = json.loads(notebook.value("sorted(workers)"))
    before = signal.signal(signal.SIGUSR1, lambda *_: is_there.set())
    try:
        run = notebook.start(
            textwrap.dedent(
                f"""\
                %%scale
                def wait(i):
                    nap()
                    if i == 9 and not os.path.exists({str(go_on)!r}):
                        os.kill({os.getpid()}, signal.SIGUSR1)
                        while not os.path.exists({str(go_on)!r}):
                            nap()
                    return i * i
                r = [wait(i) for i in range(24)]
                """
            )
        )
        assert is_there.wait(60)
        os.kill(victim, signal.SIGKILL)
        go_on.touch()
        outputs = run.finish()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert outputs.status == "ok", outputs
    assert notebook.value("r == [i * i for i in range(24)]") == "True"
    assert notebook.value("__import__('jupyter_scale').last_run.loops[0]['spread'] > 0") == "True"
