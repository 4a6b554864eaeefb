"""Loops of a cell: which are found, and why one does not spread."""

import pytest

from jupyter_scale.analysis.cell import analyse_cell
from jupyter_scale.analysis.loops import find_loops
from jupyter_scale.analysis.magics import parse_python


def loops_of(cell):
    return find_loops(parse_python(cell))


@pytest.mark.parametrize(
    "cell",
    [
        "[f(x) for x in xs]",
        "y = sum([f(x) for x in xs])",
        "if c:\n    y = [f(x) for x in xs]",
        "for i in [f(x) for x in xs]: pass",
        "with a:\n    y = {'k': [f(x) for x in xs]}",
        "try:\n    [f(x) for x in xs]\nfinally:\n    pass",
        "[f(x) for x in xs if g(x) if x]",
        "[f(a, b) for a, (b, *c) in xs]",
        "[x + f(x) for x in xs]",
        "[x.mean() for x in xs]",
        "[print(x) for x in xs]",
        "[df.copy().append(x) for x in xs]",
        "[f(x).append(1) for x in xs]",
        "[np.append(x, 1) for x in xs]",
        "[df.add(1) for df in dfs]",
        "[f(x) for x in await xs]",
        "[f(x) for x in open('a')]",
        "[sorted(y for y in x) for x in xs]",
        "[f'{g(x)}' for x in xs]",
        "f(lambda a=[g(x) for x in xs]: a)",
        "@d([g(x) for x in xs])\ndef f(): pass",
    ],
)
def test_spreads(cell):
    (loop,) = loops_of(cell)
    assert (loop.spreads, loop.why) == (True, "")


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("\n\n[seen.add(x) for x in xs]", "line 3: changes 'seen'"),
        ("[xs.append(x) for x in ys]", "line 1: changes 'xs'"),
        ("[d.setdefault(x, []) for x in xs]", "line 1: changes 'd'"),
        ("[d.update(x) for x in xs]", "line 1: changes 'd'"),
        ("[it.pop() for _ in xs]", "line 1: changes 'it'"),
        ("[a.b[0].append(x) for x in xs]", "line 1: changes 'a'"),
        ("[f(x) for x in xs if not seen.add(x)]", "line 1: changes 'seen'"),
        ("[\n f(x,\n   q.pop())\n for x in xs]", "line 3: changes 'q'"),
        ("[setattr(o, x, 1) for x in xs]", "line 1: changes 'o'"),
        ("[x.append(1) for x in xs]", "line 1: changes its own item 'x'"),
        ("[f(x, y) for x in xs for y in ys]", "line 1: more than one 'for' is not spread yet"),
        ("[f(x) async for x in xs]", "line 1: 'async for' runs in order"),
        ("[await f(x) for x in xs]", "line 1: waits with 'await' or 'yield'"),
        ("[(y := f(x)) for x in xs]", "line 1: binds 'y' with ':='"),
        ("[f(x) for x in xs if (y := x)]", "line 1: binds 'y' with ':='"),
        ("[input(x) for x in xs]", "line 1: uses input()"),
        ("[f(display) for x in xs]", "line 1: uses display()"),
        ("[get_ipython() for x in xs]", "line 1: uses get_ipython()"),
        ("[next(it) for x in xs]", "line 1: uses next()"),
        ("[open(x) for x in xs]", "line 1: uses open()"),
        ("[exec(x) for x in xs]", "line 1: uses exec()"),
        ("[eval(x) for x in xs]", "line 1: uses eval()"),
        ("[globals()[x] for x in xs]", "line 1: uses globals()"),
        ("[locals() for x in xs]", "line 1: uses locals()"),
        ("[x ** 2 + 1 for x in xs]", "line 1: nothing to call: cheaper in place"),
        ("[x for x in f(xs)]", "line 1: nothing to call: cheaper in place"),
        ("[f(x) for a[0] in xs]", "line 1: the target is not a plain name"),
    ],
)
def test_does_not_spread(cell, why):
    (loop,) = loops_of(cell)
    assert (loop.spreads, loop.why) == (False, why)


@pytest.mark.parametrize(
    "cell",
    [
        "x = 1",
        "def f(): return [g(x) for x in xs]",
        "async def f(): return [g(x) for x in xs]",
        "lambda: [g(x) for x in xs]",
        "class A:\n    y = [g(x) for x in xs]",
        "{i: [g(x) for x in i] for i in xs}",
        "([g(x) for x in i] for i in xs)",
        "{g(x) for x in xs}",
    ],
)
def test_no_loop_at_the_top_level(cell):
    assert loops_of(cell) == ()


@pytest.mark.parametrize(
    ("cell", "lines"),
    [
        ("[f(x) for x in [\n g(y) for y in ys]]", [(0, 1, 0), (1, 1, 15)]),
        ("a = [f(x) for x in xs]; b = [g(x) for x in xs]", [(0, 1, 4), (1, 1, 28)]),
        ("[f(x) for x in xs] if [g(x) for x in xs] else 0", [(0, 1, 0), (1, 1, 22)]),
        ("if c:\n    [f(x) for x in xs]\n[g(x) for x in xs]", [(0, 2, 4), (1, 3, 0)]),
    ],
)
def test_loops_are_numbered_in_source_order(cell, lines):
    assert [(loop.number, loop.line, loop.column) for loop in loops_of(cell)] == lines


def test_a_loop_knows_its_target_and_what_it_reads():
    (loop,) = analyse_cell("[f(a, k) + b for a, (b, *c) in g(zs) if p(c)]").loops
    assert loop.kind == "list comprehension"
    assert loop.target == "(a, (b, *c))"
    assert loop.reads == {"f", "k", "p"}


def test_loop_reads_leave_out_names_of_nested_scopes():
    (loop,) = analyse_cell("[h([y for y in x], lambda z: z + w) for x in xs]").loops
    assert loop.reads == {"h", "w"}
