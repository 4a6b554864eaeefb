"""Which statements cannot call anything, so that a function defined before still waits."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from jupyter_scale.analysis.scopes import default_values, every_argument

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_VALUES = (ast.Constant, ast.Name, ast.Tuple, ast.List, ast.Lambda, ast.expr_context)
_ANNOTATIONS = (*_VALUES, ast.Attribute, ast.Subscript, ast.BinOp, ast.BitOr)


def is_inert(node: ast.stmt) -> bool:
    """Tell whether this statement cannot call a function that the cell has defined."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return _is_inert_function(node)
        case ast.ClassDef():
            is_plain = not (node.decorator_list or node.bases or node.keywords)
            return is_plain and all(is_inert(each) for each in node.body)
        case ast.Assign(targets=targets, value=value):
            is_named = all(isinstance(target, ast.Name) for target in targets)
            return is_named and _are_only([value], _VALUES)
        case ast.Expr(value=ast.Constant()) | ast.Pass():
            return True
    return False


def _is_inert_function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    annotations = [*(each.annotation for each in every_argument(node.args)), node.returns]
    return (
        not node.decorator_list
        and _are_only(default_values(node.args), _VALUES)
        and _are_only(annotations, _ANNOTATIONS)
    )


def _are_only(nodes: Iterable[ast.AST | None], allowed: tuple[type[ast.AST], ...]) -> bool:
    parts = (part for node in nodes if node for part in _evaluated(node))
    return all(isinstance(part, allowed) for part in parts)


def _evaluated(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    inner = default_values(node.args) if isinstance(node, ast.Lambda) else None
    for child in ast.iter_child_nodes(node) if inner is None else inner:
        yield from _evaluated(child)
