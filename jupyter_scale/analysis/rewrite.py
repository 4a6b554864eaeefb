"""Cells whose loops are handed over: a comprehension becomes a call that may spread it."""

from __future__ import annotations

import ast
import copy
from typing import TYPE_CHECKING

from jupyter_scale.analysis.loops import top_level_loops

if TYPE_CHECKING:
    from collections.abc import Container

ITEMS = "__scale_items"
"""Parameter of the function that runs a loop over whatever items it is given."""


def spread_loops(tree: ast.Module, entry: str, numbers: Container[int]) -> ast.Module:
    """Return a copy of a cell in which chosen loops are calls of `entry`.

    ``[elt for t in it if c]`` becomes
    ``entry(number, lambda __scale_items: [elt for t in __scale_items if c], it)``. Every node
    keeps the place of what it stands for, so that tracebacks show the cell's own lines.

    Parameters
    ----------
    tree : ast.Module
        The cell, as given to `jupyter_scale.analysis.loops.find_loops`. It is not changed.
    entry : str
        Global name of the callable ``(number, run, iterable) -> list``.
    numbers : container of int
        Which loops, by `Loop.number`; those that do not spread must not be among them.
    """
    tree = copy.deepcopy(tree)
    chosen = {
        id(node): number for number, node in enumerate(top_level_loops(tree)) if number in numbers
    }
    _Spread(entry, chosen).visit(tree)
    return tree


class _Spread(ast.NodeTransformer):
    def __init__(self, entry: str, chosen: dict[int, int]) -> None:
        self._entry = entry
        self._chosen = chosen

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        number = self._chosen.get(id(node))
        self.generic_visit(node)
        return node if number is None else self._as_call(number, node)

    def _as_call(self, number: int, loop: ast.ListComp) -> ast.Call:
        generator = loop.generators[0]
        iterable = generator.iter
        generator.iter = ast.copy_location(ast.Name(ITEMS, ast.Load()), iterable)
        items = ast.copy_location(ast.arg(ITEMS), iterable)
        arguments = ast.arguments(
            posonlyargs=[], args=[items], kwonlyargs=[], kw_defaults=[], defaults=[]
        )
        run = ast.copy_location(ast.Lambda(arguments, loop), loop)
        name = ast.copy_location(ast.Name(self._entry, ast.Load()), loop)
        label = ast.copy_location(ast.Constant(number), loop)
        return ast.copy_location(ast.Call(name, [label, run, iterable], []), loop)
