"""Loops around a place in a source, and the names by which they call their items. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from jupyter_scale.analysis.scopes import COMPREHENSIONS

#: A line, and a column as `ast` counts them; None where that is not known.
Place = tuple[int, int | None]

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_LOOPS = (ast.For, ast.AsyncFor)


@dataclass(frozen=True, slots=True)
class Around:
    """One loop that a place is in: where it begins, and the names that hold its item."""

    line: int
    names: tuple[str, ...]


def loops_around(tree: ast.Module, place: Place, *, is_comprehension: bool) -> tuple[Around, ...]:
    """Return the loops whose iterations a place is part of, the outermost first.

    Those of functions around are left out: they are other frames' business.

    Parameters
    ----------
    is_comprehension
        Whether the frame is a comprehension's own. If it is not, what a comprehension calls its
        items cannot be found there.
    """
    around: list[Around] = []
    for node in _path(tree, place):
        if isinstance(node, _FUNCTIONS):
            around = []
        elif isinstance(node, _LOOPS):
            if any(_contains(statement, place) for statement in node.body):
                around.append(Around(node.lineno, _names([node.target])))
        elif isinstance(node, COMPREHENSIONS) and is_comprehension and _is_inside(node, place):
            targets = _targets_at(node, place)
            if targets:
                around = [Around(node.lineno, _names(targets))]
    return tuple(around)


def target_text(tree: ast.Module, place: Place, line: int) -> str:
    """Return what the loop that begins in a line and that a place is in calls its items.

    Empty where that is not known: ``map`` has no name for them.
    """
    for node in _path(tree, place):
        if getattr(node, "lineno", 0) == line:
            if isinstance(node, _LOOPS):
                return ast.unparse(node.target)
            if isinstance(node, COMPREHENSIONS):
                return ast.unparse(node.generators[0].target)
    return ""


def _path(node: ast.AST, place: Place) -> Iterator[ast.AST]:
    """Yield what a place is in, from the outside to the inside."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not hasattr(child, "lineno"):
            # Arguments and comprehensions' parts have no place of their own.
            parts = [part for part in ast.iter_child_nodes(child) if _contains(part, place)]
            for part in parts[:1]:
                yield from _path(part, place)
        elif _contains(child, place):
            yield from _path(child, place)
            return


def _contains(node: ast.AST, place: Place) -> bool:
    line, column = place
    start, end = getattr(node, "lineno", None), getattr(node, "end_lineno", None)
    if start is None or end is None:
        return False
    if column is None:
        return bool(start <= line <= end)
    begins, ends = (start, node.col_offset), (end, node.end_col_offset)  # type: ignore[attr-defined]
    return bool(begins <= (line, column) < ends)


def _is_inside(node: ast.expr, place: Place) -> bool:
    """Tell whether a place is behind where a comprehension begins: there it is run as a whole."""
    return place[1] is None or (node.lineno, node.col_offset) < place


def _targets_at(
    node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, place: Place
) -> list[ast.expr]:
    """Return the targets of a comprehension that have their items at a place in it."""
    targets: list[ast.expr] = []
    for part in node.generators:
        if _contains(part.iter, place):
            return targets
        targets.append(part.target)
        if any(_contains(test, place) for test in part.ifs):
            return targets
    return targets


def _names(targets: list[ast.expr]) -> tuple[str, ...]:
    names = (
        node.id
        for target in targets
        for node in ast.walk(target)
        if isinstance(node, ast.Name)
        if isinstance(node.ctx, ast.Store)
    )
    return tuple(dict.fromkeys(names))
