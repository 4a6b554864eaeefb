"""Facts of cells beyond names: mutation, imports, dynamic reads, magics, errors."""

import pytest

from jupyter_scale.analysis.cell import analyse_cell

MUTATES = [
    ("x = 1", ""),
    ("y = x + 1", ""),
    ("y = x.a", ""),
    ("print(f'{x}')", "print"),
    ("x.a = 1", "x"),
    ("x.a.b[0].c = 1", "x"),
    ("x[0] = 1", "x"),
    ("x[0] = y", "x y"),
    ("del x[0]", "x"),
    ("del x.a", "x"),
    ("x += 1", "x"),
    ("x += y", "x y"),
    ("x.append(1)", "x"),
    ("x.a.append(y)", "x y"),
    ("f(x, k=y)", "f x y"),
    ("f([x, *y])", "f x y"),
    ("g()(x)", "g x"),
    ("y = x\ny.append(1)", "x y"),
    ("a = b = x\na[0] = 1", "x a"),
    ("y = x if c else z\ny.f()", "x y z"),
    ("for r in rows: r.append(1)", "rows r"),
    ("[r.pop() for r in rows]", "rows"),
    ("with x as y: y.f()", "x y"),
    ("(y := x).f()", "x y"),
    ("def f(): xs.append(1)", "xs"),
    ("def f():\n    ys = xs\n    ys.append(1)", "xs"),
    ("def f(): return xs\nf().append(1)", "f xs"),
    ("g = lambda: xs\ng().append(1)", "g xs"),
    ("def f(a=xs): a.append(1)", "xs"),
    ("x.child = y\nx.child.f()", "x y"),
    ("match v:\n    case [a, *b]: b.append(a)", "v a b"),
    ("match v:\n    case {**r}: r.clear()", "v r"),
    ("@reg\ndef f(): pass", "reg"),
    ("@reg\nclass A: pass", "reg"),
    ("async def f():\n    await x\n    async for y in z: pass", "x z"),
    ("def f():\n    yield from x", "x"),
    ("def f():\n    x = []\n    x.append(1)", ""),
    ("%time x.append(y)", "x y"),
    ("d[k]", "d"),
]


@pytest.mark.parametrize(("cell", "expected"), MUTATES)
def test_mutates(cell, expected):
    assert analyse_cell(cell).mutates == frozenset(expected.split())


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("import a.b, c", "a c"),
        ("from a.b import c", "a"),
        ("from . import x", ""),
        ("def f():\n    import numpy as np", "numpy"),
        ("import importlib\nimportlib.import_module('a.b')", "importlib a"),
        ("__import__('a')", "a"),
        ("%time import a", "a"),
        ("%%capture\nimport a", "a"),
    ],
)
def test_imports(cell, expected):
    assert analyse_cell(cell).imports == frozenset(expected.split())


READS_ALL = [
    ("x = 1\n\neval('x')", "eval() on line 3"),
    ("exec(code)", "exec() on line 1"),
    ("list(map(eval, texts))", "eval() on line 1"),
    ("compile(s, 'f', 'eval')", "compile() on line 1"),
    ("globals()['x'] = 1", "globals() on line 1"),
    ("def f():\n    return locals()", "locals() on line 2"),
    ("vars()", "vars() on line 1"),
    ("vars(obj)", None),
    ("dir()", "dir() on line 1"),
    ("dir(obj)", None),
    ("dir = '/tmp'; dir", None),
    ("re.compile('a')", None),
    ("model.eval()", None),
    ("get_ipython().user_ns", "get_ipython() on line 1"),
    ("f(get_ipython)", "get_ipython() on line 1"),
    ("import __main__", "__main__ on line 1"),
    ("sys.modules['__main__']", "__main__ on line 1"),
    ("if __name__ == '__main__': f()", None),
    ("df.query('a > @x')", ".query() with names in text on line 1"),
    ("df.query('a > 1')", None),
    ("df.query(text)", ".query() with names in text on line 1"),
    ("df.query(expr='a > @x')", ".query() with names in text on line 1"),
    ("df.query(f'a > {x}')", None),
    ("df.query(f'a > @x + {x}')", ".query() with names in text on line 1"),
    ("df.eval('b = a + @x')", ".eval() with names in text on line 1"),
    ("!echo $x", "'$x' in a shell line on line 1"),
    ("!echo {x}", "'{x}' in a shell line on line 1"),
    ("y = !ls {d}", "'{d}' in a shell line on line 1"),
    ("!ls -l", None),
    ("!echo $$HOME", None),
    ("!awk '{{print}}'", None),
    ("%cd $d", "'$d' in %cd on line 1"),
    ("%cd data", None),
    ("%env A=1", None),
    ("%env A={x}", "'{x}' in %env on line 1"),
    ("%pwd", None),
    ("%precision 3", None),
    ("%matplotlib inline", None),
    ("%config InlineBackend.figure_format = 'retina'", None),
    ("%pip install x", None),
    ("%run script.py", "%run on line 1"),
    ("x = 1\n%who", "%who on line 2"),
    ("x = %who_ls", "%who_ls on line 1"),
    ("%frobnicate", "%frobnicate on line 1"),
    ("%%cython\nx", "%%cython on line 1"),
    ("%%bash\necho $HOME {a}", None),
    ("%%bash -s {x}\necho", "'{x}' in %%bash on line 1"),
    ("%%html\n<b>{x}</b>", None),
    ("%%latex\n$x$", None),
    ("%%javascript\nx", None),
    ("%%writefile a.py\nprint($x)", None),
    ("%%writefile $name\n1", "'$name' in %%writefile on line 1"),
    ("%time x = eval('1')", "eval() on line 1"),
    ("%%time\n\neval('1')", "eval() on line 3"),
    ("%%time\n%%capture out\neval('1')", "eval() on line 3"),
    ("%%time\n!echo $x", "'$x' in a shell line on line 2"),
    ("%time f(", "%time on line 1, whose code cannot be parsed"),
    ("f?", None),
    ("f??", None),
    ("if c:\n    !echo $x", "'$x' in a shell line on line 2"),
    ("a\neval(b)\nexec(c)", "eval() on line 2"),
    ("x = [get_ipython().run_line_magic('who_ls', '')]", "get_ipython() on line 1"),
]


@pytest.mark.parametrize(("cell", "reason"), READS_ALL)
def test_reads_all(cell, reason):
    assert analyse_cell(cell).reads_all == reason


HERE_ONLY = [
    ("x = 1\nname = input('?')", "input() asks in the notebook (line 2)"),
    ("import getpass\ngetpass.getpass()", "getpass() asks in the notebook (line 2)"),
    ("getpass('?')", "getpass() asks in the notebook (line 1)"),
    ("breakpoint()", "breakpoint() opens the debugger in the notebook (line 1)"),
    ("pdb.set_trace()", "set_trace() opens the debugger in the notebook (line 1)"),
    ("torch.input(1)", None),
    ("input = 3", None),
    ("%load_ext x", "%load_ext acts on the notebook's own kernel (line 1)"),
    ("%gui qt", "%gui acts on the notebook's own kernel (line 1)"),
    ("%pdb on", "%pdb acts on the notebook's own kernel (line 1)"),
    ("%debug", "%debug acts on the notebook's own kernel (line 1)"),
    ("%pylab", "%pylab acts on the notebook's own kernel (line 1)"),
    ("%reset -f", "%reset acts on the notebook's own kernel (line 1)"),
    ("%matplotlib widget", "%matplotlib acts on the notebook's own kernel (line 1)"),
    ("%matplotlib qt", "%matplotlib acts on the notebook's own kernel (line 1)"),
    ("%matplotlib inline", None),
    ("%%javascript\nalert(1)", None),
    ("import ipywidgets as w", "ipywidgets lives in the notebook's own kernel (line 1)"),
    ("from bqplot.x import y", "bqplot lives in the notebook's own kernel (line 1)"),
    ("%scale", "%scale inside a %%scale cell (line 1)"),
    ("%%scale\nx", "%%scale inside a %%scale cell (line 1)"),
    ("%%time\ninput()", "input() asks in the notebook (line 2)"),
    ("f = open('x')", "'f' stays open, and only where it was opened (line 1)"),
    ("import gzip\nf = gzip.open('x')", "'f' stays open, and only where it was opened (line 2)"),
    ("f = open('x'); f.close()", None),
    ("with open('x') as f: pass", None),
    ("x = open('x').read()", None),
    ("%%capture\n%gui qt", "%gui acts on the notebook's own kernel (line 2)"),
]


@pytest.mark.parametrize(("cell", "reason"), HERE_ONLY)
def test_here_only(cell, reason):
    assert analyse_cell(cell).here_only == reason


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("from m import *", "from m import * on line 1"),
        ("exec(code)", "exec() on line 1"),
        ("%run a.py", "%run on line 1"),
        ("%who", None),
        ("!echo $x", None),
        ("x = 1", None),
    ],
)
def test_binds_unknown(cell, reason):
    assert analyse_cell(cell).binds_unknown == reason


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("%time f(x)", "f x"),
        ("%time -x f(x)", "f x"),
        ("%time y = x\ny", "x"),
        ("y = %timeit -o -n 3 f(x)", "f x"),
        ("%timeit -n3 -r 2 f(x)", "f x"),
        ("%timeit y = x; y", "x"),
        ("%timeit -p 2 -q g(y)\ny = 1", "g y"),
        ("%prun -l 5 -s cumulative f(x)", "f x"),
        ("%%time\ny = x\ny", "x"),
        ("%%timeit y = x\nz = y", "x"),
        ("%%timeit -n 1\nf(x)", "f x"),
        ("%%capture out\nf(x)", "f x"),
        ("%%bash\necho x", ""),
        ("%%bash --out x\necho\n", ""),
        ("f?", "f"),
        ("?a.b", "a"),
        ("def g():\n    %time h(x)", "h x"),
        ("/f a b", "f a b"),
        (",f a b", "f"),
    ],
)
def test_reads_through_magics(cell, expected):
    assert analyse_cell(cell).reads == frozenset(expected.split())


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("pd.eval('a + b')", "b"),
        ("ne.evaluate('a + b')", "b"),
        ("duckdb.sql('select x from frame')", "frame"),
        ("duckdb.sql(f'select {x} from frame')", "frame"),
        ("smf.ols('y ~ scale(x)', df)", "scale"),
    ],
)
def test_texts_that_libraries_look_up_are_reads(cell, name):
    assert name in analyse_cell(cell).reads


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("await f()", True),
        ("async for x in y: pass", True),
        ("async with a: pass", True),
        ("[x async for x in y]", True),
        ("[await x for x in y]", True),
        ("%time await f()", True),
        ("async def f(): await g()", False),
        ("(x async for x in y)", False),
        ("x = 1", False),
    ],
)
def test_is_async(cell, expected):
    assert analyse_cell(cell).is_async is expected


@pytest.mark.parametrize(
    ("cell", "line"),
    [("x = 1\ny = (\n", 2), ("%time x\n\nfor in x", 3), ("x = 1\n  y = 2", 2)],
)
def test_syntax_errors_name_their_line(cell, line):
    with pytest.raises(SyntaxError) as caught:
        analyse_cell(cell)
    assert caught.value.lineno == line


def test_source_is_what_the_given_transformation_makes():
    facts = analyse_cell("whatever", transform=lambda _: "x = y\n")
    assert (facts.source, facts.reads, facts.binds) == ("x = y\n", {"y"}, {"x"})


def test_an_empty_cell_has_no_facts():
    facts = analyse_cell("")
    assert not (facts.reads)
    assert not (facts.binds)
    assert not (facts.loops)
    assert not (facts.reads_all)
    assert not (facts.here_only)


def test_our_own_future_imports_do_not_leak_into_cells():
    assert analyse_cell("def f(x: T): ...").reads == {"T"}
