"""Rewritten cells: the same results, and the same lines in tracebacks."""

import ast
import traceback

import pytest

from jupyter_scale.analysis.loops import find_loops
from jupyter_scale.analysis.magics import parse_python
from jupyter_scale.analysis.rewrite import spread_loops

ENTRY = "__scale_spread"

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
]

FAILING = [
    "\ny = [f(x) for x in 5]",
    "y = [\n    1 / f(x)\n    for x in range(-2, 2)\n]",
    "\n\ny = [\n  f(x)\n  for x in [1, 2]\n  if missing(x)]",
    "y = [f(a)\n     for a, b in [1]]",
    "y = 1\nz = [f(x)\n     for x in (\n       nowhere)]",
]


def run(tree):
    namespace = {"f": lambda value: value, ENTRY: lambda _number, loop, items: loop(items)}
    failure = None
    try:
        exec(compile(tree, "<cell>", "exec"), namespace)
    except Exception as error:  # noqa: BLE001
        failure = error
    hidden = {"f", "g", ENTRY, "__builtins__"}
    return {k: v for k, v in namespace.items() if k not in hidden}, failure


def cell_lines(failure):
    """Lines of the cell in a traceback; neighbours in one loop's frames count once."""
    frames = traceback.extract_tb(failure.__traceback__)
    return [(each.lineno, each.line) for each in frames if each.filename == "<cell>"][-1]


def everything(tree):
    return range(len(find_loops(tree)))


@pytest.mark.parametrize("source", PROGRAMS)
def test_rewritten_cells_give_the_same_result(source):
    tree = parse_python(source)
    rewritten = spread_loops(tree, ENTRY, everything(tree))
    assert ENTRY in ast.unparse(rewritten)
    assert run(rewritten) == run(tree)


@pytest.mark.parametrize("source", FAILING)
def test_rewritten_cells_fail_on_the_same_line(source):
    tree = parse_python(source)
    _, expected = run(tree)
    _, failure = run(spread_loops(tree, ENTRY, everything(tree)))
    assert (type(failure), str(failure)) == (type(expected), str(expected))
    assert cell_lines(failure) == cell_lines(expected)


@pytest.mark.parametrize("source", [*PROGRAMS, *FAILING])
def test_every_node_stands_where_the_cell_has_code(source):
    tree = parse_python(source)
    places = {place(node) for node in ast.walk(tree) if hasattr(node, "lineno")}
    rewritten = spread_loops(tree, ENTRY, everything(tree))
    assert {place(node) for node in ast.walk(rewritten) if hasattr(node, "lineno")} <= places


def place(node):
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


@pytest.mark.parametrize("source", PROGRAMS)
def test_no_numbers_change_nothing(source):
    tree = parse_python(source)
    rewritten = spread_loops(tree, ENTRY, ())
    assert rewritten is not tree
    assert ast.dump(rewritten, include_attributes=True) == ast.dump(tree, include_attributes=True)


@pytest.mark.parametrize("source", PROGRAMS)
def test_the_given_tree_is_left_alone(source):
    tree = parse_python(source)
    before = ast.dump(tree, include_attributes=True)
    spread_loops(tree, ENTRY, everything(tree))
    assert ast.dump(tree, include_attributes=True) == before


def test_the_call_carries_the_number_and_the_iterable_stays_outside():
    tree = parse_python("[f(x) for x in xs]; [g(x) for x in ys if x]")
    assert ast.unparse(spread_loops(tree, "E", {1})) == (
        "[f(x) for x in xs]\nE(1, lambda __scale_items: [g(x) for x in __scale_items if x], ys)"
    )


def test_nested_iterables_are_rewritten_with_their_own_numbers():
    tree = parse_python("[f(x) for x in [g(y) for y in ys]]")
    assert ast.unparse(spread_loops(tree, "E", {0, 1})) == (
        "E(0, lambda __scale_items: [f(x) for x in __scale_items], "
        "E(1, lambda __scale_items: [g(y) for y in __scale_items], ys))"
    )


def test_an_awaited_iterable_stays_in_the_cell():
    tree = spread_loops(parse_python("y = [f(x) for x in await g()]"), "E", {0})
    compile(tree, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
