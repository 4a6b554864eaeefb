"""What is told of a failure beside its exception: what loops and calls were at when it raised."""

import pytest

from watching import Watcher

BASE = """\
import os, time
from concurrent.futures import ProcessPoolExecutor
def slow(k):
    time.sleep(0.02)
    return 1 / (k - 30)
def die(k):
    time.sleep(0.02)
    if k == 12:
        os.kill(os.getpid(), 9)
def hold(k):
    time.sleep(0.05)
    while k >= 4 and not os.path.exists(gate):
        time.sleep(0.02)
    return k
class Row:
    def __init__(self, n):
        self.n = n
    def __repr__(self):
        print("seen")
        return "never"
alphas = list(range(60))
rows = [Row(n) for n in range(60)]
"""


@pytest.fixture(scope="module")
def watched(notebook):
    assert notebook.run(BASE + f"gate = {str(notebook.directory / 'gate')!r}").error is None
    assert notebook.run("%%scale\nlen(alphas)").error is None
    watcher = Watcher(notebook)
    yield watcher
    watcher.close()


#: ``what → (the cell, the exception, what its loops were at: line, call, values, iteration)``.
CASES = {
    "on a worker": (
        "ys = [slow(alpha) for alpha in alphas]",
        "ZeroDivisionError",
        [(2, "", ("alpha = 30",), 30)],
    ),
    "on a worker, a for loop of a function": (
        """\
def go(items):
    out = []
    for i, item in enumerate(items):
        out.append(slow(item))
    return out
go(alphas)""",
        "ZeroDivisionError",
        [(4, "", ("i = 30", "item = 30"), 30)],
    ),
    "on a worker, values that are combined": (
        "total = sum(slow(a) for a in alphas)",
        "ZeroDivisionError",
        [(2, "", ("a = 30",), 30)],
    ),
    "on a worker, a mapped call": (
        "ys = list(map(slow, alphas))",
        "ZeroDivisionError",
        [(2, "", ("k = 30",), 30)],
    ),
    "where an effect fails, not the iteration": (
        """\
d = {}
for a in alphas:
    v = time.sleep(0.02)
    key = [] if a == 20 else a
    d[key] = v""",
        "TypeError",
        [(3, "", ("a = 20",), 20)],
    ),
    "in place, in nested loops": (
        "for row in [{'id': 7, 'v': 0}]:\n    for f in (2, 0):\n        y = 1 / (f * row['v'])",
        "ZeroDivisionError",
        [(2, "", ("row = {'id': 7, 'v': 0}",), 0), (3, "", ("f = 2",), 0)],
    ),
    "in order, as each iteration needs the one before": (
        "total = 0\nfor a in alphas:\n    total = total + a\n    slow(a)",
        "ZeroDivisionError",
        [(3, "", ("a = 30",), None)],
    ),
    "an item of a class of the notebook's": (
        "ys = [slow(row.n) for row in rows]",
        "ZeroDivisionError",
        [(2, "", ("row = <Row>",), 30)],
    ),
    "an iteration that ends its workers": (
        "zs = [die(k) for k in range(40)]",
        "IterationKilled",
        [(2, "", ("k = 12",), 12)],
    ),
    "a call of a pool": (
        "with ProcessPoolExecutor(2) as pool:\n    list(pool.map(slow, alphas))",
        "ZeroDivisionError",
        [(0, "slow", ("k = 30",), None)],
    ),
    "outside of any loop": ("slow(30)", "ZeroDivisionError", []),
    "a loop whose failure is caught": (
        "try:\n    [slow(a) for a in alphas]\nexcept ZeroDivisionError:\n    pass\nslow(30)",
        "ZeroDivisionError",
        [],
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_what_it_was_at(notebook, watched, what):
    cell, exception, expected = CASES[what]
    shown = notebook.run(f"%%scale\n# {what}\n{cell}")
    assert shown.ename == exception
    assert "seen" not in shown.stdout
    fact = watched.ended(f"# {what}")
    assert fact.status == "failed"
    told = [(each.line, each.call, each.values, each.index) for each in fact.inputs]
    assert told == expected


def test_the_notebook_is_told_nothing_of_it(notebook, watched):
    plain = notebook.run("[1 / (k - 3) for k in range(9)]")
    scaled = notebook.run("%%scale --serial\n[1 / (k - 3) for k in range(9)]")
    assert watched.ended("[1 / (k - 3) for k in range(9)]").inputs
    assert scaled.ename == plain.ename
    assert scaled.evalue == plain.evalue
    assert [kind for kind, *_ in scaled.outputs if kind != "display"] == ["error"]


STOPS = """\
%%scale
# stops
try:
    first = [time.sleep(0.05) for _ in range(2000)]
except KeyboardInterrupt:
    print("stopped")
second = [hold(k) for k in range(12)]
"""


@pytest.fixture
def gate(notebook):
    """Lets the second loop end once it is there."""
    path = notebook.directory / "gate"
    yield path
    path.unlink(missing_ok=True)


def test_one_loop_is_stopped_and_a_late_click_does_nothing(notebook, watched, gate):
    cell = notebook.start(STOPS)
    run, first = watched.loop_under_way("# stops", 3)
    assert watched.stop_loop(run, first) == "stopped"
    assert watched.stop_loop(run, first) == "late"
    _, second = watched.loop_under_way("# stops", 6)
    assert second.number != first.number
    assert watched.stop_loop(run, first) == "late"
    gate.touch()
    shown = cell.finish()
    assert shown.error is None, shown
    assert shown.stdout == "stopped\n"
    assert notebook.value("second == list(range(12))") == "True"
    fact = watched.ended("# stops")
    assert fact.status == "done"
    assert [(loop.is_over, loop.done == loop.total) for loop in fact.loops] == [
        (True, False),
        (True, True),
    ]
    assert watched.stop_loop(run, second) == "late"


def test_a_loop_that_is_not_caught_ends_its_cell_as_an_interrupt_does(notebook, watched):
    cell = notebook.start("%%scale\n# uncaught\nfor k in range(2000):\n    time.sleep(0.05)")
    run, loop = watched.loop_under_way("# uncaught", 2)
    assert watched.stop_loop(run, loop) == "stopped"
    assert cell.finish().ename == "KeyboardInterrupt"
    assert watched.ended("# uncaught").status == "interrupted"
    assert notebook.run("%%scale\n1 + 1").error is None


def test_the_cells_own_interrupt_goes_on_to_work_beside_it(notebook, watched):
    cell = notebook.start(STOPS.replace("# stops", "# both"))
    run, first = watched.loop_under_way("# both", 3)
    assert watched.stop_loop(run, first) == "stopped"
    watched.loop_under_way("# both", 6)
    notebook.interrupt()
    assert cell.finish().ename == "KeyboardInterrupt"
    assert watched.ended("# both").status == "interrupted"
