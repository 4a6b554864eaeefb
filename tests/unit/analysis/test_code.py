"""Names that compiled functions reach."""

import pytest

from jupyter_scale.analysis.code import dynamic_read, global_reads, global_writes


def code_of(body):
    """Compile the first function or class of `body` and return its code object."""
    module = compile(body, "<cell>", "exec")
    return next(each for each in module.co_consts if hasattr(each, "co_code"))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("def f(a): return a + g", "g"),
        ("def f(a): return a.b.c", ""),
        ("def f(): return [g(x) for x in xs]", "g xs"),
        ("def f():\n    x = 1\n    return lambda: x + y", "y"),
        ("def f():\n    def g(): return h\n    return g", "h"),
        ("def f():\n    import os\n    return os", ""),
        ("def f():\n    global x\n    x = 1", ""),
        ("def f():\n    global x\n    del x", "x"),
        ("def f():\n    class A(B):\n        y = z\n    return A", "B z __name__"),
        ("async def f():\n    async for x in xs: await g(x)", "xs g"),
        ("def f(): return len([])", "len"),
        ("def f():\n    try: g()\n    except E as e: return e", "g E"),
        ("def f(a): return f'{a}{b!r:{c}}'", "b c"),
    ],
)
def test_global_reads(body, expected):
    assert global_reads(code_of(body)) == frozenset(expected.split())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("def f(): x = 1", ""),
        ("def f():\n    global x, y\n    x = y = 1", "x y"),
        ("def f():\n    global x\n    del x", "x"),
        ("def f():\n    def g():\n        global x\n        x += 1", "x"),
        ("def f():\n    global A\n    class A: pass", "A"),
    ],
)
def test_global_writes(body, expected):
    assert global_writes(code_of(body)) == frozenset(expected.split())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("def f(a): return a + g", None),
        ("def f(s):\n    return eval(s)", "eval() in 'f', line 2"),
        ("def f(s): exec(s)", "exec() in 'f', line 1"),
        ("def f(): return globals()['x']", "globals() in 'f', line 1"),
        ("def f(): return locals()", "locals() in 'f', line 1"),
        ("def f(): return vars()", "vars() in 'f', line 1"),
        ("def f(a): return vars(a), dir(a)", None),
        ("def f(): return dir()", "dir() in 'f', line 1"),
        ("def f(s): return compile(s, 'f', 'eval')", "compile() in 'f', line 1"),
        ("def f(): return get_ipython().user_ns", "get_ipython() in 'f', line 1"),
        ("def f(): import __main__", "__main__ in 'f', line 1"),
        ("def f(m): return m.eval()", None),
        ("def f(df): return df.query('a > 1')", None),
        ("def f(df): return df.query('a > @x')", ".query() with names in text in 'f', line 1"),
        ("def f(df, q): return df.query(q)", ".query() with names in text in 'f', line 1"),
        (
            "def f(df): return df.query(f'a > @x + {df.b}')",
            ".query() with names in text in 'f', line 1",
        ),
        ("def f(df): return df.eval('b = @x')", ".eval() with names in text in 'f', line 1"),
        ("def f():\n    def g(s):\n        return eval(s)", "eval() in 'f.<locals>.g', line 3"),
        ("def f(): return map(eval, xs)", "eval() in 'f', line 1"),
        ("def f(eval): return eval(1)", None),
    ],
)
def test_dynamic_read(body, reason):
    assert dynamic_read(code_of(body)) == reason
