"""Loops around a place, and what they call their items."""

import ast
import textwrap

import pytest

from jupyter_scale.analysis.around import loops_around, target_text


def place_of(source, mark="HERE"):
    for line, text in enumerate(source.splitlines(), 1):
        if mark in text:
            return line, text.index(mark)
    raise AssertionError(source)


CASES = {
    "for row in rows:\n    HERE(row)": ["row"],
    "for i, (a, *b) in rows:\n    HERE()": ["i a b"],
    "for a in A:\n    for b in B:\n        if b:\n            HERE()": ["a", "b"],
    "for a in HERE():\n    pass": [],
    "for a in A:\n    pass\nelse:\n    HERE()": [],
    "for a in A:\n    for b in HERE(a):\n        pass": ["a"],
    "for a in A:\n    def f(b):\n        for c in C:\n            HERE()": ["c"],
    "for a in A:\n    try:\n        pass\n    finally:\n        HERE()": ["a"],
    "for a in A:\n    match a:\n        case 1:\n            HERE()": ["a"],
    "for self.a, b[0], c in A:\n    HERE()": ["c"],
    "async def f():\n    async for a in A:\n        HERE()": ["a"],
    "while True:\n    HERE()": [],
    "xs = [f(a) for a in A]\nHERE()": [],
    # A comprehension's names are not in the frame around it.
    "for a in A:\n    xs = [HERE(b) for b in B]": ["a"],
}
INSIDE = {
    "[HERE(a) for a in A]": ["a"],
    "sum(HERE(a) for a in A)": ["a"],
    "for x in X:\n    {a: HERE(b) for a, b in A if a}": ["a b"],
    "[f(a) for a in A if HERE(a)]": ["a"],
    "[f(a, b) for a in A for b in HERE(a)]": ["a"],
    "[HERE(a, b) for a in A for b in B]": ["a b"],
    "[[HERE(b) for b in a] for a in A]": ["b"],
}


@pytest.mark.parametrize("source", CASES)
def test_in_a_function_or_cell(source):
    assert names(source, is_comprehension=False) == CASES[source]


@pytest.mark.parametrize("source", INSIDE)
def test_in_the_frame_of_a_comprehension(source):
    assert names(source, is_comprehension=True) == INSIDE[source]


def names(source, *, is_comprehension):
    tree = ast.parse(textwrap.dedent(source))
    loops = loops_around(tree, place_of(source), is_comprehension=is_comprehension)
    return [" ".join(loop.names) for loop in loops]


def test_where_only_the_line_is_known():
    tree = ast.parse("for a in A:\n    for b in B:\n        f()\n    g()")
    for line, expected in ((1, []), (3, [(1, ("a",)), (2, ("b",))]), (4, [(1, ("a",))])):
        loops = loops_around(tree, (line, None), is_comprehension=False)
        assert [(loop.line, loop.names) for loop in loops] == expected


def test_where_an_inner_comprehension_is_run_as_a_whole():
    tree = ast.parse("[[f(b) for b in a] for a in A]")
    [loop] = loops_around(tree, (1, 1), is_comprehension=True)
    assert loop.names == ("a",)


def test_the_target_as_it_is_written():
    tree = ast.parse("for i, (a, b) in rows:\n    f()\nxs = [g(c) for c in C]\nmap(f, rows)")
    assert target_text(tree, (1, 0), 1) == "(i, (a, b))"
    assert target_text(tree, (3, 5), 3) == "c"
    assert target_text(tree, (4, 0), 4) == ""
