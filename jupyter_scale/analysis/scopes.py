"""Which names a block of code makes its own: Python's static scoping rules, over the AST."""

from __future__ import annotations

import ast
import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class ScopeKind(enum.Enum):
    """The kinds of scope that resolve names differently."""

    CELL = "cell"
    CLASS = "class"
    FUNCTION = "function"
    COMPREHENSION = "comprehension"


@dataclass(frozen=True, slots=True)
class Scope:
    """One lexical scope: the names that are its own and those it declares global.

    ``private`` is the class name that mangles ``__names``, or None outside classes.
    """

    kind: ScopeKind
    own: frozenset[str] = frozenset()
    global_names: frozenset[str] = frozenset()
    private: str | None = None


def mangle(name: str, private: str | None) -> str:
    """Spell `name` as the compiler does inside the class `private`."""
    if private is None or not name.startswith("__") or name.endswith("__") or "." in name:
        return name
    stripped = private.lstrip("_")
    return f"_{stripped}{name}" if stripped else name


def imported_name(alias: ast.alias) -> str:
    """Return the name that one ``import`` clause binds."""
    return alias.asname or alias.name.partition(".")[0]


class _Bindings(ast.NodeVisitor):
    """Collects what a block binds itself, leaving nested scopes alone."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.global_names: set[str] = set()
        self.nonlocal_names: set[str] = set()
        self._comprehensions = 0

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load) and not self._comprehensions:
            self.names.add(node.id)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.names.add(node.target.id)
        self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.names.add(node.name)
        self._visit_each(node.decorator_list)
        self._visit_each(default_values(node.args))

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_each(default_values(node.args))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.names.add(node.name)
        self._visit_each([*node.decorator_list, *node.bases, *node.keywords])

    def visit_alias(self, node: ast.alias) -> None:
        if node.name != "*":
            self.names.add(imported_name(node))

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._add(node.name)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self._add(node.name)
        self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        self._add(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self._add(node.rest)
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        self.global_names.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.nonlocal_names.update(node.names)

    def generic_visit(self, node: ast.AST) -> None:
        inside = isinstance(node, COMPREHENSIONS)
        self._comprehensions += inside
        super().generic_visit(node)
        self._comprehensions -= inside

    def _add(self, name: str | None) -> None:
        if name is not None:
            self.names.add(name)

    def _visit_each(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)


def default_values(arguments: ast.arguments) -> list[ast.expr]:
    """Return the default expressions of a signature in the order of evaluation."""
    return [*arguments.defaults, *(value for value in arguments.kw_defaults if value)]


def every_argument(arguments: ast.arguments) -> list[ast.arg]:
    """Return all parameters of a signature, starred ones included."""
    stars = [star for star in (arguments.vararg, arguments.kwarg) if star]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *stars]


def _scope(kind: ScopeKind, found: _Bindings, own: set[str], private: str | None) -> Scope:
    declared = found.global_names | found.nonlocal_names
    return Scope(
        kind,
        frozenset(mangle(name, private) for name in own - declared),
        frozenset(mangle(name, private) for name in found.global_names),
        private,
    )


def function_scope(node: FunctionNode, private: str | None) -> Scope:
    """Return the scope of a function's or lambda's body."""
    found = _Bindings()
    for part in node.body if isinstance(node.body, list) else [node.body]:
        found.visit(part)
    parameters = {argument.arg for argument in every_argument(node.args)}
    return _scope(ScopeKind.FUNCTION, found, found.names | parameters, private)


def class_scope(node: ast.ClassDef) -> Scope:
    """Return the scope of a class body."""
    found = _Bindings()
    for part in node.body:
        found.visit(part)
    return _scope(ScopeKind.CLASS, found, found.names, node.name)


def comprehension_scope(generators: list[ast.comprehension], private: str | None) -> Scope:
    """Return the scope of a comprehension: its targets."""
    targets = {name for each in generators for name in target_names(each.target)}
    own = frozenset(mangle(name, private) for name in targets)
    return Scope(ScopeKind.COMPREHENSION, own, private=private)


def target_names(target: ast.AST) -> frozenset[str]:
    """Return the names that an assignment target binds (not ``x`` in ``x.attr`` or ``x[0]``)."""
    return frozenset(
        node.id
        for node in ast.walk(target)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )


def deleted_names(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """Return names that code deletes anywhere: ``del x``, and the name of ``except E as x``."""
    found: set[str] = set()
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del):
            found.add(node.id)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
    return frozenset(found)
