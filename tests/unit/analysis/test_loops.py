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
        "while [f(x) for x in xs]: pass",
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
        "[f(x, y) for x in xs for y in ys]",
        "[f(x, y) for x in xs if x for y in x if y]",
        "[x.append(1) for x in xs]",
        "[x ** 2 + 1 for x in xs]",
        "[open(x) for x in xs]",
        "{f(x) for x in xs}",
        "{x: f(x) for x in xs}",
        "sum(f(x) for x in xs)",
        "sum((f(x) for x in xs), [])",
        "print(*(f(x) for x in xs))",
        "a, *b = (f(x) for x in xs)",
        "sorted((f(x) for x in xs), key=g)",
        "', '.join(f(x) for x in xs)",
        "np.fromiter((f(x) for x in xs), float)",
        "list(map(f, xs))",
        "sorted(map(lambda x: f(x) + 1, xs))",
        "def f(): return [g(x) for x in xs]",
        "async def f(): return [g(x) for x in xs]",
        "class A:\n    def m(self): return [g(x) for x in xs]",
        "for x in xs:\n    ys.append(f(x))",
        "for x in xs:\n    y = f(x)\n    if y: continue\n    d[x] = y",
        "for x in xs:\n    n += f(x)",
        "for x in xs:\n    d[f(x)] += 1",
        "for x in xs:\n    a[x, 1:k] = f(x)",
        "for x in xs:\n    df.loc[x, 'c'] = f(x)",
        "for x in xs:\n    groups[f(x)].append(x)",
        "for x in xs:\n    o.total += f(x)",
        "for x in xs:\n    print(f(x))",
        "for x in xs:\n    row = []\n    row.append(f(x))\n    n = 0\n    n += len(row)",
        "for x in xs:\n    x['z'] = f(x)",
        "for x in xs:\n    try:\n        d[x] = f(x)\n    except E as e:\n        errors.append(e)",
        "for x in xs:\n    with g(x) as h:\n        y = h.read()",
        "for x in xs:\n    while f(x): x = g(x)\n    ys.add(x)",
        "for i, (a, *b) in enumerate(xs):\n    z = f(a, b)\nelse:\n    pass",
        "for x in xs:\n    import m\n    y = m.f(x)\n    del y",
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
        ("[f(x) async for x in xs]", "line 1: 'async for' runs in order"),
        ("[await f(x) for x in xs]", "line 1: waits with 'await' or 'yield'"),
        ("[(y := f(x)) for x in xs]", "line 1: binds 'y' with ':='"),
        ("[f(x) for x in xs if (y := x)]", "line 1: binds 'y' with ':='"),
        ("[input(x) for x in xs]", "line 1: uses input()"),
        ("[get_ipython() for x in xs]", "line 1: uses get_ipython()"),
        ("[exec(x) for x in xs]", "line 1: uses exec()"),
        ("[eval(x) for x in xs]", "line 1: uses eval()"),
        ("[globals()[x] for x in xs]", "line 1: uses globals()"),
        ("[locals() for x in xs]", "line 1: uses locals()"),
        ("[x for x in f(xs)]", "line 1: nothing to compute: cheaper in place"),
        ("for x in xs:\n    y = x", "line 1: nothing to compute: cheaper in place"),
        ("for x in xs:\n    if f(x): break", "line 2: 'break' may end it early"),
        ("def g():\n    for x in xs:\n        return f(x)", "line 3: 'return' may end it early"),
        ("def g():\n    for x in xs:\n        yield f(x)", "line 3: waits with 'await' or 'yield'"),
        ("for x in xs:\n    def g(): return x", "line 2: defines 'g'"),
        (
            "for x in xs:\n    if f(x) > best: best = x",
            "line 2: reads 'best' of the iteration before",
        ),
        ("for x in xs:\n    if c: y = f(x)\n    g(y)", "line 3: reads 'y' of the iteration before"),
        (
            "for x in xs:\n    if x in seen: continue\n    seen.add(f(x))",
            "line 2: reads 'seen', which the loop changes",
        ),
        ("for x in xs:\n    n += f(n)", "line 2: reads 'n', which the loop changes"),
        ("for x in xs:\n    ys.append(f(ys))", "line 2: reads 'ys', which the loop changes"),
        ("for x in xs:\n    n = n + f(x)", "line 2: reads 'n' of the iteration before"),
        ("for x in xs:\n    y = q.pop() + f(x)", "line 2: changes 'q'"),
        ("for x in xs:\n    q.pop(f(x))", "line 2: changes 'q'"),
        ("for x in xs:\n    a[0], b = f(x)", "line 2: changes 'a'"),
        ("for x in xs:\n    del d[f(x)]", "line 2: changes 'd'"),
        ("for x in xs:\n    from m import *\n    f(x)", "line 2: imports '*'"),
        ("for a[0] in xs:\n    f(a)", "line 1: the target is not a plain name"),
        (
            "class A:\n    def m(self, xs):\n        for __x in xs:\n            f(__x)",
            "line 3: binds the private name '__x'",
        ),
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
        "lambda: [g(x) for x in xs]",
        "class A:\n    y = [g(x) for x in xs]",
        "([g(x) for x in i] for i in xs)",
        "f(g(x) for x in xs)",
        "max((f(x) for x in xs), key=abs)",
        "sum((f(x) for x in xs), start)",
        "sep.join(f(x) for x in xs)",
        "sum = f\nsum(g(x) for x in xs)",
        "map(f, xs)",
        "list(map(f, xs, ys))",
        "class A:\n    for x in xs: f(x)",
    ],
)
def test_no_loop(cell):
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
