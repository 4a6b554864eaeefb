"""Rewritten cells: the same results, and the same lines in tracebacks."""

import ast
import re
import traceback

import pytest

from jupyter_scale.analysis.forloops import BATCH, ForDetails
from jupyter_scale.analysis.magics import parse_python
from jupyter_scale.analysis.rewrite import ASLEEP, BODY, HASHED, MAKE, PAIR, SHIFT, spread_loops
from jupyter_scale.runner.host.loops.iterations import Batch, Protocol

ENTRY = "__scale_spread__"

PROGRAMS = [
    "y = [f(x) for x in range(4)]",
    "y = [f(x) for x in range(9) if x % 2 if x > 3]",
    "y = [f(a) + b for a, b in zip(range(3), range(3))]",
    "y = sum([f(x) for x in range(3)]) + len([f(x) for x in 'ab'])",
    "y = [f(x) for x in [f(z) for z in range(3)]]",
    "if True:\n    y = {'k': [f(x) for x in range(3)]}",
    "x = 7\ny = [f(x) for x in range(3)]\nz = x",
    "y = [(lambda: f(x))() for x in range(3)]",
    "y = [[f(z) for z in range(x)] for x in range(3)]",
    "y = f'{[f(x) for x in range(3)]}'",
    "y = [f(*x) for x in [(1,), (2,)]]",
    "def g(a=[f(x) for x in range(2)]): return a\ny = g()",
    "y = {f(x) for x in range(4)}, {x: f(x) for x in range(3)}",
    "y = sum(f(x) for x in range(4)), max(map(f, range(3)))",
    "y = ''.join(map(lambda v: str(f(v)), 'ab'))",
    "y = [f((a, b)) for a in range(3) if a for b in range(a)]",
    "y = any(f(x) > 1 for x in range(5))",
    "y = []\nfor x in range(4):\n    z = f(x)\n    y.append(z)",
    (
        "y, n = {}, 0\n"
        "for i, x in enumerate('abc'):\n"
        "    y[x] = f(i)\n"
        "    if i == 1: continue\n"
        "    n += f(i)"
    ),
    (
        "y = {}\n"
        "for x in range(3):\n"
        "    for z in range(x):\n"
        "        y[x, z] = f(x + z)\n"
        "else:\n"
        "    w = 1"
    ),
    "y = {'a': [], 'b': []}\nfor x in 'abab':\n    y[f(x)].append(x)",
    "y = list(range(9))\nfor x in range(3):\n    y[x * 2:f(x) * 2 + 1] = [f(-x)]",
    (
        "y = []\n"
        "for x in [1, 0, 2]:\n"
        "    try:\n"
        "        y.append(1 // f(x))\n"
        "    except ZeroDivisionError as e:\n"
        "        y.append(str(e))"
    ),
    (
        "def g(xs):\n"
        "    n, out = 0, []\n"
        "    for x in xs:\n"
        "        y = f(x)\n"
        "        n += y\n"
        "        out.append([n0 for n0 in range(y)])\n"
        "    return n, out, x, y\n"
        "y = g(range(4))"
    ),
    (
        "class A:\n"
        "    def __init__(self): self.n = 0\n"
        "    def m(self, xs):\n"
        "        for x in xs:\n"
        "            self.n += f(x)\n"
        "        return self.n\n"
        "y = A().m(range(4)); del A"
    ),
    "def g():\n    global k\n    k = 0\n    for x in range(4):\n        k += f(x)\ng()",
    (
        "def g():\n"
        "    k = 0\n"
        "    def h():\n"
        "        nonlocal k\n"
        "        for x in range(4):\n"
        "            k += f(x)\n"
        "    h()\n"
        "    return k\n"
        "y = g()"
    ),
]

FAILING = [
    "\ny = [f(x) for x in 5]",
    "y = [\n    1 / f(x)\n    for x in range(-2, 2)\n]",
    "\n\ny = [\n  f(x)\n  for x in [1, 2]\n  if missing(x)]",
    "y = [f(a)\n     for a, b in [1]]",
    "y = 1\nz = [f(x)\n     for x in (\n       nowhere)]",
    "y = 0\nfor x in [1, 0]:\n    z = f(x)\n    y += 1 / z",
    "y = []\nfor x in 'ab':\n    y.append(f(x))\n    y2[f(x)] = 1",
    "y = {f([x]) for x in 'ab'}",
    "for x in 5:\n    f(x)",
]


class Everywhere:
    """Runs each loop as the shell does: in place, or as if on workers."""

    def __init__(self, *, elsewhere):
        self.elsewhere = elsewhere

    def __call__(self, function, iterable, place, pairs=None, flat=None):
        _, kind, _, details, _ = place
        if pairs is not None and self.elsewhere:
            function, iterable = flat, pairs(iterable)
        if details is None:
            values = list(function(iterable))
            makers = {"set comprehension": set, "dict comprehension": dict}
            return makers.get(kind, list)(values)
        if not self.elsewhere:
            return iterable
        return self.carry_out(function, iterable, details)

    def carry_out(self, function, iterable, details):
        body, apply, bind, roots = function()
        details = ForDetails.from_constant(details)
        items = iter(iterable)
        for item in items:
            batch = Batch([item], Protocol(), [])
            try:
                body(batch)
                assert len(roots()) == len(details.receivers)
                logged = batch.logged(details.temporaries.names)
                for number, operands in logged.effects:
                    apply(number, operands)
            except Exception:  # noqa: BLE001 - it fails again in its place
                yield item
            bind(logged.values)


class Everything:
    """All sites."""

    def __contains__(self, site):
        return isinstance(site, str)


def run(tree, *, elsewhere=False, is_awake=True):
    namespace = {
        ASLEEP: set() if is_awake else Everything(),
        "f": lambda value: value,
        ENTRY: Everywhere(elsewhere=elsewhere),
        HASHED: lambda value: value,
        PAIR: lambda key, value: (key, value),
    }
    failure = None
    try:
        exec(compile(tree, "<cell>", "exec"), namespace)
    except Exception as error:  # noqa: BLE001
        failure = error
    hidden = {"f", "g", ENTRY, ASLEEP, HASHED, PAIR, MAKE, "__builtins__"}
    return {k: v for k, v in namespace.items() if k not in hidden}, failure


def cell_lines(failure):
    """Lines of the cell in a traceback; neighbours in one loop's frames count once."""
    frames = traceback.extract_tb(failure.__traceback__)
    return [(each.lineno, each.line) for each in frames if each.filename == "<cell>"][-1]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["in place", "elsewhere"])
@pytest.mark.parametrize("source", PROGRAMS)
def test_rewritten_cells_give_the_same_result(source, elsewhere):
    tree = parse_python(source)
    rewritten, loops = spread_loops(tree, ENTRY)
    assert loops
    assert ENTRY in ast.unparse(rewritten)
    assert run(rewritten, elsewhere=elsewhere) == run(tree)


@pytest.mark.parametrize("source", [*PROGRAMS, *FAILING])
def test_loops_that_are_left_alone_do_what_they_did(source):
    tree = parse_python(source)
    expected, failed = run(tree)
    found, failure = run(spread_loops(tree, ENTRY)[0], is_awake=False)
    assert found == expected
    assert (type(failure), str(failure)) == (type(failed), str(failed))
    if failed is not None:
        assert cell_lines(failure) == cell_lines(failed)


def test_only_loops_that_may_run_often_can_be_left_alone():
    text = "[f(x) for x in xs]\ndef g():\n    for x in [f(z) for z in xs]: f(x)"
    once, *often = ast.unparse(spread_loops(parse_python(text), ENTRY, source="here")[0]).split(
        "def"
    )
    assert ASLEEP not in once
    assert {f"here:3:{column}" for column in (4, 13)} == set(
        re.findall("here:[0-9:]+[0-9]", str(often))
    )


@pytest.mark.parametrize("elsewhere", [False, True], ids=["in place", "elsewhere"])
@pytest.mark.parametrize("source", FAILING)
def test_rewritten_cells_fail_on_the_same_line(source, elsewhere):
    tree = parse_python(source)
    _, expected = run(tree)
    _, failure = run(spread_loops(tree, ENTRY)[0], elsewhere=elsewhere)
    assert (type(failure), str(failure)) == (type(expected), str(expected))
    assert cell_lines(failure) == cell_lines(expected)


@pytest.mark.parametrize("source", [*PROGRAMS, *FAILING])
def test_every_node_stands_where_the_cell_has_code(source):
    tree = parse_python(source)
    places = {place(node) for node in ast.walk(tree) if hasattr(node, "lineno")}
    rewritten, _ = spread_loops(tree, ENTRY)
    for node in ast.walk(rewritten):
        if isinstance(node, ast.FunctionDef) and node.name == BODY:
            ast.increment_lineno(node, -SHIFT)
    assert {place(node) for node in ast.walk(rewritten) if hasattr(node, "lineno")} <= places


def place(node):
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


@pytest.mark.parametrize("source", ["x = 1", "[x for x in xs]", "for x in xs: y = x"])
def test_without_loops_to_spread_the_tree_is_the_same(source):
    tree = parse_python(source)
    assert spread_loops(tree, ENTRY) == (tree, ())


@pytest.mark.parametrize("source", PROGRAMS)
def test_the_given_tree_is_left_alone(source):
    tree = parse_python(source)
    before = ast.dump(tree, include_attributes=True)
    spread_loops(tree, ENTRY)
    assert ast.dump(tree, include_attributes=True) == before


def test_the_iterable_stays_outside():
    tree, _ = spread_loops(parse_python("\n[f(x) for x in g(xs)]; sum(h(x) for x in ys)"), "E")
    one, other = ast.unparse(tree).splitlines()
    place = "(2, 'list comprehension', False, None, '')"
    assert one == f"E(lambda {BATCH}: [f(x) for x in {BATCH}], g(xs), {place})"
    place = "(2, 'generator', True, None, '')"
    assert other == f"sum(E(lambda {BATCH}: (h(x) for x in {BATCH}), ys, {place}))"


def test_iterables_are_rewritten_themselves():
    tree, loops = spread_loops(parse_python("[f(x) for x in [g(y) for y in ys]]"), "E")
    assert len(loops) == 2
    assert ast.unparse(tree).count("E(") == 2


def test_an_awaited_iterable_stays_in_the_cell():
    tree, loops = spread_loops(parse_python("y = [f(x) for x in await g()]"), "E")
    assert loops
    compile(tree, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
