"""Ordered effects: what a ``for`` loop's body does to objects outside, apart from computing it.

``xs.append(f(x))`` is two things: the operand ``f(x)``, which an iteration can compute anywhere,
and the append, which has to happen where `xs` is, in serial order. This module takes them apart.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

METHODS = frozenset({
    "add", "append", "appendleft", "discard", "extend", "extendleft", "insert", "setdefault",
    "subtract", "update",
})  # fmt: skip
"""Methods that change their receiver, and whose result nobody looks at."""

OPERANDS = "__scale_operands__"
"""Name of the operands in an effect's statement."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """What an effect changes.

    Attributes
    ----------
    root
        The name through which it is reached.
    steps
        From there on: ``".name"`` for an attribute, ``"[]"`` for an item.
    change
        ``"append"`` ... (a method), ``"[]"`` (an item is set), ``".name"`` (an attribute is set),
        ``"="`` (the name itself is bound by an augmented assignment).
    is_augmented
        It is an augmented assignment: ``+=``.
    is_guarded
        It stands in a ``try``, which would catch its failure.
    key
        Which operand needs a hash if the receiver is a mapping or a set.
    """

    root: str
    steps: tuple[str, ...]
    change: str
    is_augmented: bool = False
    is_guarded: bool = False
    key: int | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """One statement with an ordered effect.

    Attributes
    ----------
    receiver
        What it changes.
    operands
        What an iteration computes for it, in the order of evaluation.
    statement
        The statement with ``__scale_operands__[0]`` ... in their place.
    """

    receiver: Receiver
    operands: tuple[ast.expr, ...]
    statement: ast.stmt


def find_effects(body: Sequence[ast.stmt], own: frozenset[str]) -> dict[int, Effect]:
    """Return ``id(statement) → effect`` of a loop's body, statements in blocks of it included.

    Parameters
    ----------
    body
        The loop's body.
    own
        Names that the body binds otherwise: what they refer to is the iteration's own.
    """
    return {
        id(statement): _split(statement, receiver)
        for statement, is_guarded in _statements(body, is_guarded=False)
        if (receiver := _receiver(statement, own, is_guarded=is_guarded)) is not None
    }


def _statements(body: Sequence[ast.AST], *, is_guarded: bool) -> Iterator[tuple[ast.stmt, bool]]:
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if isinstance(statement, ast.stmt):
            yield statement, is_guarded
        if isinstance(statement, ast.Try | ast.TryStar):
            yield from _statements(statement.body, is_guarded=True)
            for block in (statement.handlers, statement.orelse, statement.finalbody):
                yield from _statements(block, is_guarded=is_guarded)
        elif isinstance(statement, ast.stmt | ast.ExceptHandler | ast.match_case):
            is_caught = is_guarded or isinstance(statement, ast.With)
            inner = [c for c in ast.iter_child_nodes(statement) if isinstance(c, _BLOCKS)]
            yield from _statements(inner, is_guarded=is_caught)


_BLOCKS = (ast.stmt, ast.ExceptHandler, ast.match_case)


def _receiver(statement: ast.stmt, own: frozenset[str], *, is_guarded: bool) -> Receiver | None:
    match statement:
        case ast.Expr(ast.Call(func=ast.Attribute(attr=method, value=path))) if method in METHODS:
            change = method
        case ast.Assign(targets=[ast.Subscript(value=path)]):
            change = "[]"
        case ast.Assign(targets=[ast.Attribute(value=path, attr=name)]):
            change = f".{name}"
        case ast.AugAssign(target=ast.Subscript(value=path)):
            change = "[]"
        case ast.AugAssign(target=ast.Attribute(value=path, attr=name)):
            change = f".{name}"
        case ast.AugAssign(target=ast.Name() as path):
            change = "="
        case _:
            return None
    root, steps = _route(path)
    if root is None or root in own:
        return None
    is_augmented = isinstance(statement, ast.AugAssign)
    return Receiver(root, steps, change, is_augmented, is_guarded)


def _route(path: ast.expr) -> tuple[str | None, tuple[str, ...]]:
    """Return the name with which a path begins, if it does, and its steps from there."""
    steps: list[str] = []
    while not isinstance(path, ast.Name):
        if isinstance(path, ast.Attribute):
            steps.append(f".{path.attr}")
        elif isinstance(path, ast.Subscript):
            steps.append("[]")
        else:
            return None, ()
        path = path.value
    return path.id, tuple(reversed(steps))


def _split(statement: ast.stmt, receiver: Receiver) -> Effect:
    statement = copy.deepcopy(statement)
    operands = _Operands()
    if isinstance(statement, ast.Expr) and isinstance(call := statement.value, ast.Call):
        call.func = operands.of_path(call.func)
        call.args = [operands.of_argument(argument) for argument in call.args]
        for keyword in call.keywords:
            keyword.value = operands.take(keyword.value)
    elif isinstance(statement, ast.Assign):
        statement.value = operands.take(statement.value)
        statement.targets = [operands.of_path(statement.targets[0])]
    elif isinstance(statement, ast.AugAssign):
        target: Any = operands.of_path(statement.target)
        statement.target = target
        statement.value = operands.take(statement.value)
    if operands.found and _has_key(statement):
        receiver = replace(receiver, key=len(operands.found) - 1)
    return Effect(receiver, tuple(operands.found), statement)


def _has_key(statement: ast.stmt) -> bool:
    """Tell whether the last operand is a key: the index that is set, or what a set is given."""
    match statement:
        case ast.Assign(targets=[ast.Subscript(slice=index)]):
            return not isinstance(index, ast.Constant)
        case ast.Expr(ast.Call(args=[argument])):
            return not isinstance(argument, ast.Constant)
    return False


class _Operands:
    def __init__(self) -> None:
        self.found: list[ast.expr] = []

    def take(self, node: ast.expr) -> ast.expr:
        """Return what stands for an operand; constants stand for themselves."""
        if isinstance(node, ast.Constant):
            return node
        self.found.append(node)
        value = ast.Subscript(
            ast.Name(OPERANDS, ast.Load()), ast.Constant(len(self.found) - 1), ast.Load()
        )
        for part in ast.walk(value):
            ast.copy_location(part, node)
        return value

    def of_argument(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Starred):
            node.value = self.take(node.value)
            return node
        return self.take(node)

    def of_path(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Attribute):
            node.value = self.of_path(node.value)
        elif isinstance(node, ast.Subscript):
            node.value = self.of_path(node.value)
            node.slice = self.of_index(node.slice)
        return node

    def of_index(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Slice):
            node.lower = node.lower and self.take(node.lower)
            node.upper = node.upper and self.take(node.upper)
            node.step = node.step and self.take(node.step)
            return node
        if isinstance(node, ast.Tuple) and any(isinstance(e, ast.Slice) for e in node.elts):
            node.elts = [self.of_index(each) for each in node.elts]
            return node
        return self.take(node)


class Replacing(ast.NodeTransformer):
    """Puts other statements in the place of some; the nodes given are changed."""

    def __init__(self, replacements: Mapping[int, ast.stmt]) -> None:
        self._replacements = replacements

    def replaced(self, statement: ast.stmt) -> ast.stmt:
        """Return a statement after the replacements."""
        result = self.visit(statement)
        assert isinstance(result, ast.stmt)  # noqa: S101 - statements stand for statements
        return result

    def visit(self, node: ast.AST) -> ast.AST:
        """Return the statement's replacement, or the node with its parts replaced."""
        if (other := self._replacements.get(id(node))) is not None:
            return other
        return super().generic_visit(node)
