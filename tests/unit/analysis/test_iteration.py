"""Where the order of a set would show."""

from __future__ import annotations

import ast

import pytest

from jupyter_scale.analysis.iteration import find_iterated


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("for x in s: pass", {"s"}),
        ("[x for x in s]", {"s"}),
        ("list(s)", {"s"}),
        ("enumerate(s)", {"s"}),
        ("', '.join(s)", {"s"}),
        ("np.array(s); 1", {"s"}),
        ("f'{s}'; 1", {"s"}),
        ("first, *rest = *s, 1", {"rest", "s"}),
        ("s.pop()", {"s"}),
        ("s", {"s"}),
        ("sorted(s)", set()),
        ("len(s) + sum(s)", set()),
        ("x in s", set()),
        ("{f(x) for x in s}", set()),
        ("s.pop(0)", set()),
    ],
)
def test_names(source: str, names: set[str]) -> None:
    assert find_iterated(ast.parse(source)).names == names


@pytest.mark.parametrize("source", ["for w in set(ws): f(w)", "list({1, 2})", "[*{a for a in b}]"])
def test_new_sets(source: str) -> None:
    assert find_iterated(ast.parse(source)).new_sets
