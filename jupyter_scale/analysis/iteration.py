"""What a cell iterates over, roughly: where the order of a set would show."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_IN_ORDER = frozenset({
    "array", "Series", "dict", "enumerate", "filter", "fromkeys", "iter", "join", "list", "map",
    "print", "repr", "reversed", "str", "tuple", "zip",
})  # fmt: skip
"""Calls whose result shows the order of what they are given; `sorted`, `len`, `sum` do not."""


@dataclass(frozen=True, slots=True)
class Iterated:
    """What a cell iterates over.

    Attributes
    ----------
    names
        Global or local names.
    new_sets
        It iterates over a set that it makes right there: ``for w in set(words)``.
    """

    names: frozenset[str] = frozenset()
    new_sets: bool = False


def find_iterated(tree: ast.Module) -> Iterated:
    """Return what the code of a cell, functions in it included, goes through in order."""
    places = [place for node in ast.walk(tree) for place in _places(node)]
    if tree.body and isinstance(last := tree.body[-1], ast.Expr):
        places.append(last.value)  # it is shown
    names = frozenset(place.id for place in places if isinstance(place, ast.Name))
    return Iterated(names, any(map(_makes_set, places)))


def _places(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.For(iter=place) | ast.Starred(value=place):
            yield place
        case ast.ListComp() | ast.GeneratorExp() | ast.DictComp():
            yield from (generator.iter for generator in node.generators)
        case ast.Call(func=ast.Attribute(attr="pop", value=place), args=[]):
            yield place
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in _IN_ORDER:
            yield from node.args
        case ast.FormattedValue(value=place):
            yield place


def _makes_set(place: ast.expr) -> bool:
    match place:
        case ast.Set() | ast.SetComp() | ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
    return False
