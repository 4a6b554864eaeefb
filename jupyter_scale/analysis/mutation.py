"""Which names a cell may change in place.

A name counts when it, or something reached through it or bound from it, is called, passed to a
call, assigned into, deleted from, augmented, iterated, entered, awaited or indexed. Plain operators
and attribute reads count as harmless. The walk knows no scopes: a local name that stands for a
global object passes its changes on to it.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import TYPE_CHECKING

from jupyter_scale.analysis.scopes import default_values, every_argument

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FRESH = (ast.Compare, ast.Constant, ast.JoinedStr)


def find_mutated(tree: ast.AST) -> frozenset[str]:
    """Return the names, of any scope, that `tree` may change in place."""
    walk = _Walk()
    walk.visit(tree)
    return frozenset(walk.closed())


def reached_names(node: ast.AST | None) -> Iterator[str]:
    """Yield names whose objects, or parts of them, may be in the value of an expression."""
    if node is None or isinstance(node, _FRESH):
        return
    if isinstance(node, ast.Name):
        yield node.id
    skipped = _skipped(node)
    for child in ast.iter_child_nodes(node):
        if child is not skipped:
            yield from reached_names(child)


def _skipped(node: ast.AST) -> ast.AST | None:
    if isinstance(node, ast.Subscript):
        return node.slice
    return node.test if isinstance(node, ast.IfExp) else None


class _Walk(ast.NodeVisitor):
    def __init__(self) -> None:
        self._changed: set[str] = set()
        self._sources: defaultdict[str, set[str]] = defaultdict(set)
        self._functions: list[str] = []

    def closed(self) -> set[str]:
        """Return what is changed, with all that those names were bound from."""
        found: set[str] = set()
        waiting = set(self._changed)
        while waiting:
            name = waiting.pop()
            found.add(name)
            waiting |= self._sources[name] - found
        return found

    def _change(self, *nodes: ast.AST | None) -> None:
        for node in nodes:
            self._changed.update(reached_names(node))

    def _flow(self, target: ast.AST | None, *sources: ast.AST | None) -> None:
        names = {name for source in sources for name in reached_names(source)}
        for name in reached_names(target):
            self._sources[name] |= names - {name}

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._change(node.value)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self._change(node.value)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._flow(target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._flow(node.target, node.value)
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._flow(node.target, node.value)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._change(node.target)
        self._flow(node.target, node.value)
        self.generic_visit(node)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self._iterate(node.target, node.iter)
        self.generic_visit(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        self.visit_For(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._iterate(node.target, node.iter)
        self.generic_visit(node)

    def _iterate(self, target: ast.expr, iterable: ast.expr) -> None:
        self._change(iterable)
        self._flow(target, iterable)

    def visit_withitem(self, node: ast.withitem) -> None:
        self._change(node.context_expr)
        self._flow(node.optional_vars, node.context_expr)
        self.generic_visit(node)

    def visit_Match(self, node: ast.Match) -> None:
        for case in node.cases:
            for name in _captures(case.pattern):
                self._sources[name].update(reached_names(node.subject))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        self._change(node.func, *node.args, *(each.value for each in node.keywords))
        self.generic_visit(node)

    def visit_Await(self, node: ast.Await) -> None:
        self._change(node.value)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._change(*node.decorator_list)
        self._defaults(node.args)
        self._functions.append(node.name)
        self.generic_visit(node)
        self._functions.pop()

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._defaults(node.args)
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._change(*node.decorator_list)
        self.generic_visit(node)

    def _defaults(self, arguments: ast.arguments) -> None:
        sources = [name for value in default_values(arguments) for name in reached_names(value)]
        for argument in every_argument(arguments) if sources else ():
            self._sources[argument.arg].update(sources)

    def _give_back(self, node: ast.Return | ast.Yield | ast.YieldFrom) -> None:
        for function in self._functions:
            self._sources[function].update(reached_names(node.value))
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        self._give_back(node)

    def visit_Yield(self, node: ast.Yield) -> None:
        self._give_back(node)

    def visit_YieldFrom(self, node: ast.YieldFrom) -> None:
        self._change(node.value)
        self._give_back(node)


def _captures(pattern: ast.pattern) -> Iterable[str]:
    for node in ast.walk(pattern):
        match node:
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
            case ast.MatchMapping(rest=str(name)):
                yield name
