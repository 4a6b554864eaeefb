"""Names of cells: tables of short cells with what they read, bind and delete."""

import builtins
import sys

import pytest

from jupyter_scale.analysis.cell import analyse_cell

BUILTINS = frozenset(dir(builtins)) - {"__annotations__"}

READS = [
    # straight line
    ("x", "x"),
    ("x = 1; print(x)", ""),
    ("y = x; x = 1", "x"),
    ("x = x", "x"),
    ("x = y = z; x + y", "z"),
    ("a, (b, *c) = t; a; b; c", "t"),
    ("n += 1", "n"),
    ("n = 0\nn += 1", ""),
    ("a.b.c = 1", "a"),
    ("x[i] = v", "x i v"),
    ("x[i] += 1", "x i"),
    ("x[a:b, c]", "x a b c"),
    ("x.append(y)", "x y"),
    ("f(*a, k=b, **c)", "f a b c"),
    ("(x := y) + x", "y"),
    ("x + (x := y)", "x y"),
    ("{a: (x := 1), x: b}", "a b"),
    ("{a: x, (x := 1): b}", "a b x"),
    ("f(x := 1, x)", "f"),
    ("del x", "x"),
    ("x = 1\ndel x", ""),
    ("x = 1\ndel x\nx", "x"),
    ("del a[0], b.c", "a b"),
    ("assert a, b", "a b"),
    ("assert (x := a)\nx", "a x"),
    ("raise E from c", "E c"),
    ("print(f'{a} {b!r:{w}.{p}}')", "a b w p"),
    ("f'{(lambda: a)()}'", "a"),
    ("print(f'{x = }')", "x"),
    ("import a.b\na.b.c", ""),
    ("import a.b as c\na", "a"),
    ("from a import b as c\nc; b", "b"),
    ("from m import *\nx", "x"),
    ("x: int = y", "y __annotations__"),
    ("x: T", "T __annotations__"),
    ("from __future__ import annotations\nx: T = y\ndef f(a: U) -> V: ...", "y __annotations__"),
    ("a if c else b", "a b c"),
    ("(x := 1) if c else 0\nx", "c x"),
    ("a and (x := 1)\nx", "a x"),
    ("(x := a) and b\nx", "a b"),
    ("a < (x := b) < (y := c)\nx; y", "a b c y"),
    # branches and loops
    ("if c:\n    x = 1\nx", "c x"),
    ("if c:\n    x = 1\nelse:\n    x = 2\nx", "c"),
    ("if c:\n    x = 1\nelse:\n    raise E\nx", "c E"),
    ("if c:\n    x = 1\nelif d:\n    x = 2\nx", "c d x"),
    ("if c:\n    del x\nelse:\n    x = 1\nx", "c x"),
    ("for i in xs: t = i; print(t)", "xs"),
    ("for i in xs:\n    t = i\nt", "xs t"),
    ("for i in xs: pass\ni", "xs i"),
    ("for x in x: pass", "x"),
    ("for i in xs:\n    print(t)\n    t = i", "xs t"),
    ("for i in xs:\n    if i: continue\n    t = i\n    t", "xs"),
    ("t = 0\nfor i in xs:\n    t\n    del t", "xs t"),
    ("for i in xs:\n    break\nelse:\n    t = 1\nt", "xs t"),
    ("for d[k] in xs: pass", "d k xs"),
    ("while (x := f()): x\nx", "f"),
    ("while c:\n    x = 1\nelse:\n    y = 1\nx; y", "c x y"),
    ("x = 1\nwhile x:\n    del x", "x"),
    ("with f() as g: g", "f"),
    ("with f() as (a, b): a; b", "f"),
    ("with f() as (a, b): pass\na", "f a"),
    ("with f() as a, a.g() as b: b", "f"),
    ("with f() as a, g() as b: pass\na; b", "f g b"),
    ("with f() as x.y: pass", "f x"),
    ("with f(): x = 1\nx", "f x"),
    ("try:\n    x = f()\nexcept E:\n    x", "f E x"),
    ("try:\n    x = f()\nexcept E:\n    x = 0\nx", "f E"),
    ("try:\n    x = f()\nexcept E:\n    pass\nx", "f E x"),
    ("try:\n    x = f()\nexcept E:\n    raise\nx", "f E"),
    ("try:\n    f()\nexcept E as e:\n    e", "f E"),
    ("try:\n    f()\nexcept E as e:\n    pass\ne", "f E e"),
    ("e = 1\ntry:\n    f()\nexcept E as e:\n    pass\ne", "f E e"),
    ("try:\n    x = f()\nfinally:\n    x", "f x"),
    ("try:\n    f()\nfinally:\n    x = 1\nx", "f"),
    ("try:\n    f()\nexcept E: pass\nelse:\n    x = 1\nx", "f E x"),
    ("x = 1\ntry:\n    del x\n    f()\nexcept E:\n    x", "f E x"),
    ("try:\n    f()\nexcept* E as e:\n    e.exceptions", "f E"),
    ("match v:\n    case [a, *b]: a; b", "v"),
    ("match v:\n    case C(k=a) | [a]: a\na", "v C a"),
    ("match v:\n    case {K.x: a, **r}: a; r", "v K"),
    ("match v:\n    case 1: x = 1\n    case _: x = 2\nx", "v"),
    ("match v:\n    case 1: x = 1\n    case 2: x = 2\nx", "v x"),
    ("match v:\n    case a if a > g: pass\n    case M.N: pass", "v g M"),
    ("match v:\n    case [*_] as w: w", "v"),
    # functions
    ("def f(a, *b, c=d, **e): return a, b, c, e, g", "d g"),
    ("def f(x=x): return x", "x"),
    ("def f(): return x\nx = 1\nf()", ""),
    ("x = 1\ndef f(): return x", ""),
    ("def f(): return x\nf()\nx = 1", "x"),
    ("if c:\n    x = 1\ndef f(): return x", "c x"),
    ("x = 1\ndef f(): return x\nf()\ndel x", "x"),
    ("def f(n): return f(n - 1)", ""),
    ("@d\ndef f(n): return f(n)", "d f"),
    ("@d(a)\nclass C: pass", "d a"),
    ("def a(): b()\ndef b(): a()\na()", ""),
    ("def a(): b()\na()\ndef b(): a()", "b"),
    ("def a(): b()\ndef c(x=a()): pass\ndef b(): pass", "b"),
    ("f = lambda n: f(n)", ""),
    ("f = g(lambda n: f(n))", "g f"),
    ("lambda a, b=c: a + b + d", "c d"),
    ("lambda x: (y := x) + y", ""),
    ("def f(a: T, b: U = 1) -> V: ...", "T U V"),
    ("def f():\n    y: T = 1", ""),
    ("def f():\n    global x\n    x = 1\nx", "x"),
    ("def f():\n    global x\n    return x", "x"),
    ("def f():\n    x = 1\n    def g():\n        nonlocal x\n        x += 1", ""),
    ("def f():\n    x = 1\n    return lambda: x + y", "y"),
    ("def f():\n    print(x)\n    x = 1", ""),
    ("def f():\n    global x\n    def g(): return x", "x"),
    ("def f():\n    for i in xs: pass\n    return i", "xs"),
    ("def f():\n    import a.b\n    return a", ""),
    ("def f():\n    try: pass\n    except E as e: e\n    with w as v: v", "E w"),
    ("def f(v):\n    match v:\n        case {'a': b, **c}: return b, c", ""),
    ("def f(xs):\n    [y := x for x in xs]\n    return y", ""),
    ("def f():\n    del x", ""),
    ("async def f():\n    async with a as b: b\n    async for c in d: await c", "a d"),
    ("def f():\n    yield a\n    yield from b", "a b"),
    ("def f():\n    if a: return b\n    else: raise c", "a b c"),
    # classes
    ("class A:\n    x = 1\n    y = x", ""),
    ("class A:\n    x = x", "x"),
    ("class A:\n    if c: x = 1\n    y = x", "c x"),
    ("class A:\n    x = 1\n    def f(self): return x", "x"),
    ("class A:\n    x = 1\n    y = [x for _ in r]", "x r"),
    ("class A:\n    x = 1\n    y = [i for i in x]", ""),
    ("class A(B, metaclass=M): pass", "B M"),
    ("class A:\n    def f(self): return A, __class__", ""),
    ("class A(B):\n    def f(self): return A", "B A"),
    ("class A:\n    def f(self): return super().f()", ""),
    ("class A:\n    q = __qualname__, __module__", ""),
    ("class A:\n    def f(self): return __x", "_A__x"),
    ("class __A:\n    y = __x", "_A__x"),
    ("class A:\n    __x = 1\n    y = __x", ""),
    ("class A:\n    y = __x__", "__x__"),
    ("class A:\n    @property\n    def p(self): return g", "g"),
    ("class A:\n    y: T = 1", "T"),
    ("class A:\n    global x\n    x = 1\nx", "x"),
    ("def f():\n    x = 1\n    class A:\n        x = x", "x"),
    ("def f():\n    x = 1\n    class A:\n        y = x", ""),
    ("class A:\n    x = 1\n    class B:\n        y = x", "x"),
    # comprehensions
    ("[x for x in xs]", "xs"),
    ("[x for x in x]", "x"),
    ("x = 1\n[x for x in xs]; x", "xs"),
    ("[x for x in xs]\nx", "xs x"),
    ("[f(x, y) for x in xs if c for y in x]", "f xs c"),
    ("[y for x in xs for y in y]", "xs"),
    ("{k: v for k, v in kv}", "kv"),
    ("{g(a) for a in b}", "g b"),
    ("(a for a in b if c)", "b c"),
    ("x = 1\ng = (x for a in b)\ndel x", "b x"),
    ("[(y := f(x)) for x in xs]\ny", "f xs y"),
    ("[y := 1, y]", ""),
    ("any((w := x) > 1 for x in xs)\nw", "xs w"),
    ("[[y for y in x] for x in xs]", "xs"),
    ("[lambda: x for x in xs]", "xs"),
    # asynchronous cells
    ("await f(x)", "f x"),
    ("async for i in xs: i", "xs"),
    ("async with a as b: b", "a"),
    ("[x async for x in xs]", "xs"),
]

BINDS = [
    ("x = 1", "x"),
    ("x.y = x[0] = 1", ""),
    ("a, (b, *c), d.e = t", "a b c"),
    ("x: int = 1", "x __annotations__"),
    ("x: int", "__annotations__"),
    ("n += 1", "n"),
    ("(x := 1)", "x"),
    ("[y := x for x in xs]", "y"),
    ("[[z := y for y in x] for x in xs]", "z"),
    ("(y := x for x in xs)", "y"),
    ("lambda: (y := 1)", ""),
    ("import a.b, c as d", "a d"),
    ("from a import b, c as d", "b d"),
    ("from a import *", ""),
    ("def f(a): b = a", "f"),
    ("async def f(): x = 1", "f"),
    ("class A:\n    x = 1\n    def f(self): ...", "A"),
    ("for i, j in xs: k = i", "i j k"),
    ("with a as (b, c), d as e: pass", "b c e"),
    ("try: pass\nexcept E as e: x = 1", "e x"),
    ("match v:\n    case [a, *b] | {'k': c, **d} as e: pass", "a b c d e"),
    ("def f():\n    global x, y\n    x = 1\n    def y(): pass", "f x y"),
    ("def f():\n    global x\n    import x.y", "f x"),
    ("class A:\n    global x\n    x = 1", "A x"),
    ("def f():\n    global x\n    for x in y: pass", "f x"),
    ("class A:\n    def f(self):\n        global __x\n        __x = 1", "A _A__x"),
    ("%time x = f()", "x"),
    ("x = %time f()", "x"),
    ("x = !ls", "x"),
    ("%timeit x = f()", ""),
    ("%%time\nx = 1", "x"),
    ("%%timeit y = 1\nx = y", ""),
    ("%%capture out --no-stderr\nx = 1", "out x"),
    ("%%capture\nx = 1", "x"),
    ("%%bash --out text --err log\nls", "text log"),
    ("%%prun -s cumulative\nx = 1", "x"),
    ("for i in xs:\n    %time y = i", "i y"),
]

DELETES = [
    ("del x", "x"),
    ("del x, (y, z)", "x y z"),
    ("del x.a, y[0]", ""),
    ("try: pass\nexcept E as e: pass", "e"),
    ("def f():\n    x = 1\n    del x", ""),
    ("def f():\n    global x\n    del x", "x"),
    ("class A:\n    x = 1\n    del x", ""),
    ("if c:\n    del x", "x"),
]


def words(text):
    return frozenset(text.split())


def without_old_annotations(names):
    """From Python 3.14 on a cell makes no ``__annotations__``."""
    return names if sys.version_info < (3, 14) else names - {"__annotations__"}


@pytest.mark.parametrize(("cell", "expected"), READS)
def test_reads(cell, expected):
    assert analyse_cell(cell).reads - BUILTINS == without_old_annotations(words(expected))


@pytest.mark.parametrize(("cell", "expected"), BINDS)
def test_binds(cell, expected):
    assert analyse_cell(cell).binds == without_old_annotations(words(expected))


@pytest.mark.parametrize(("cell", "expected"), DELETES)
def test_deletes(cell, expected):
    assert analyse_cell(cell).deletes == words(expected)


def test_builtins_are_reads_because_the_notebook_may_have_rebound_them():
    assert analyse_cell("sum(xs)").reads == {"sum", "xs"}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")
@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("def f[T: B](x: T) -> T: return T, g", "B g"),
        ("class A[T](Base[T]): x: T", "Base"),
        ("type X[T] = list[T] | Y", "Y"),
        ("type X = list[X]", "X"),
        ("f'{f'{a}' + 'b'}'", "a"),
    ],
)
def test_reads_with_type_parameters(cell, expected):
    assert analyse_cell(cell).reads - BUILTINS == words(expected)
