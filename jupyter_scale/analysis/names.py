"""Which global names a cell reads, binds and deletes.

The laws of the walk:

1. Code is walked in the order in which Python evaluates it. ``state`` holds, for each open scope,
   the names that are bound for certain at this point; only cell and class scopes have any.
2. A global read counts unless its name is certain. Branches meet in the intersection; a ``with``
   may swallow an exception, a loop may not run: what they bind is not certain after them.
3. A function's body runs later, at the earliest when the first statement that can call anything
   is reached: it is judged there, and names that the cell deletes anywhere are not certain in it.
4. When unsure, a name is read.
"""

from __future__ import annotations

import ast
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_scale.analysis.inertia import is_inert
from jupyter_scale.analysis.lookup import Lookup, State
from jupyter_scale.analysis.scopes import (
    COMPREHENSIONS,
    FunctionNode,
    Scope,
    ScopeKind,
    class_scope,
    comprehension_scope,
    default_values,
    every_argument,
    function_scope,
    imported_name,
    mangle,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_CLASS_BORN = frozenset({"__module__", "__qualname__"})
_ANNOTATIONS = "__annotations__"


@dataclass(frozen=True, slots=True)
class Names:
    """The global names of a cell.

    Attributes
    ----------
    reads, binds, deletes : frozenset of str
        As in `jupyter_scale.analysis.cell.CellFacts`; builtins count as reads.
    touched : frozenset of str
        Every global name that the code mentions, also those it has certainly bound itself.
    star_imports : tuple of (str, int)
        Module and line of each ``from module import *``.
    """

    reads: frozenset[str]
    binds: frozenset[str]
    deletes: frozenset[str]
    touched: frozenset[str]
    star_imports: tuple[tuple[str, int], ...]


def find_names(tree: ast.Module) -> Names:
    """Walk a cell and return its global names."""
    walk = _Walk(tree)
    walk.block(tree.body)
    return Names(
        frozenset(walk.names.reads),
        frozenset(walk.names.binds),
        frozenset(walk.names.deletes),
        frozenset(walk.names.touched | walk.names.binds),
        tuple(walk.star_imports),
    )


def _imports_annotations(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "annotations" for alias in node.names)
        for node in tree.body
    )


class _Walk(ast.NodeVisitor):
    """One walk over one cell."""

    def __init__(self, tree: ast.Module) -> None:
        self.names = Lookup(tree)
        self.star_imports: list[tuple[str, int]] = []
        self._live = True
        self._is_deferring = False
        self._pending: list[tuple[FunctionNode, tuple[Scope, ...]]] = []
        self._has_lazy_annotations = _imports_annotations(tree)

    # -- code that runs later ------------------------------------------------------------------

    @contextmanager
    def _deferred(self) -> Iterator[None]:
        """Walk code that runs later, and leaves no certainty behind."""
        state, live, deferring = self.names.state, self._live, self._is_deferring
        self.names.later += 1
        self._is_deferring = False
        try:
            yield
        finally:
            self.names.later -= 1
            self.names.state, self._live, self._is_deferring = state, live, deferring

    def _walk_body(self, node: FunctionNode) -> None:
        scope = function_scope(node, self.names.scope.private)
        with self._deferred(), self.names.inside(scope):
            if isinstance(node, ast.Lambda):
                self.visit(node.body)
            else:
                self.block(node.body)

    def _body_runs_later(self, node: FunctionNode) -> None:
        if self._is_deferring:
            self._pending.append((node, self.names.scopes))
        else:
            self._walk_body(node)

    def _flush(self) -> None:
        """Judge the bodies that are waiting: from here on they may be called."""
        pending, self._pending = self._pending, []
        for node, scopes in pending:
            with self.names.back_in(scopes):
                self._walk_body(node)

    # -- flow ----------------------------------------------------------------------------------

    def block(self, statements: Sequence[ast.stmt]) -> None:
        """Walk statements in order."""
        if len(self.names.scopes) > 1:
            self._each(statements)
            return
        for statement in statements:
            self._is_deferring = is_inert(statement)
            if not self._is_deferring:
                self._flush()
            self.visit(statement)
        self._flush()
        self._is_deferring = False

    def _each(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    def _maybe(self, nodes: Iterable[ast.AST | None]) -> None:
        """Walk expressions that may not be evaluated."""
        state = self.names.state
        self._each(nodes)
        self.names.state = state

    def _start(self, state: State) -> None:
        self.names.state, self._live = state, True

    def _meet(self, ends: list[State], otherwise: State) -> None:
        """Go on from where several branches come together; those that ended are left out."""
        self._live = bool(ends)
        if not ends:
            self.names.state = otherwise
            return
        self.names.state = tuple(
            frozenset.intersection(*level) for level in zip(*ends, strict=True)
        )

    def _end(self) -> list[State]:
        return [self.names.state] if self._live else []

    def _stop(self, node: ast.stmt) -> None:
        self.generic_visit(node)
        self._live = False

    def visit_Raise(self, node: ast.Raise) -> None:
        self._stop(node)

    def visit_Return(self, node: ast.Return) -> None:
        self._stop(node)

    def visit_Break(self, node: ast.Break) -> None:
        self._stop(node)

    def visit_Continue(self, node: ast.Continue) -> None:
        self._stop(node)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        start, ends = self.names.state, list[State]()
        for branch in (node.body, node.orelse):
            self._start(start)
            self.block(branch)
            ends += self._end()
        self._meet(ends, start)

    def visit_While(self, node: ast.While) -> None:
        self.names.forget([node])
        self.visit(node.test)
        self._loop(node)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self.names.forget([node])
        self._loop(node, node.target)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        self.visit_For(node)

    def _loop(
        self, node: ast.For | ast.AsyncFor | ast.While, target: ast.expr | None = None
    ) -> None:
        start = self.names.state
        self._each([target])
        self.block(node.body)
        self._start(start)
        self.block(node.orelse)
        self._start(start)

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        first, *others = node.items
        self.visit(first.context_expr)
        self._each([first.optional_vars] if isinstance(first.optional_vars, ast.Name) else [])
        start = self.names.state
        self._each([first.optional_vars])
        for item in others:
            self._each([item.context_expr, item.optional_vars])
        self.block(node.body)
        self._start(start)
        self.names.forget(node.body)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> None:
        self.visit_With(node)

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        before = self.names.state
        self.block(node.body)
        self.block(node.orelse)
        after, was_live = self.names.state, self._live
        self.names.state = before
        self.names.forget([*node.body, *node.orelse])
        failed = self.names.state
        ends = [after] if was_live else []
        for handler in node.handlers:
            self._start(failed)
            self.visit(handler)
            ends += self._end()
        self._meet(ends, failed)
        if node.finalbody:
            self._finally(node, failed)

    def visit_TryStar(self, node: ast.TryStar) -> None:
        self.visit_Try(node)

    def _finally(self, node: ast.Try | ast.TryStar, failed: State) -> None:
        """Walk ``finally`` twice: after a failure anywhere before it, and after success."""
        normal, was_live = self.names.state, self._live
        self._start(failed)
        self.names.forget(node.handlers)
        self.block(node.finalbody)
        self._start(normal)
        self.block(node.finalbody)
        self._live = self._live and was_live

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._each([node.type])
        if node.name:
            self.names.bind(node.name)
        self.block(node.body)
        if node.name:
            self.names.delete(node.name)

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        start, ends = self.names.state, list[State]()
        is_exhaustive = False
        for case in node.cases:
            self._start(start)
            self._each([case.pattern, case.guard])
            self.block(case.body)
            ends += self._end()
            is_exhaustive |= _is_irrefutable(case)
        self._meet(ends if is_exhaustive else [*ends, start], start)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self._each([node.pattern])
        self._bind_if(node.name)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        self._bind_if(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.generic_visit(node)
        self._bind_if(node.rest)

    def _bind_if(self, name: str | None) -> None:
        if name is not None:
            self.names.bind(name)

    # -- statements ----------------------------------------------------------------------------

    def visit_Assign(self, node: ast.Assign) -> None:
        self._each([node.value, *node.targets])

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.names.read(node.target.id)
            self.visit(node.value)
        self._each([node.target])
        if not isinstance(node.target, ast.Name):
            self.visit(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        kind = self.names.scope.kind
        if not self._has_lazy_annotations and not (kind is ScopeKind.FUNCTION and node.simple):
            self.visit(node.annotation)
        self._each([node.value])
        if node.value is not None or not isinstance(node.target, ast.Name):
            self.visit(node.target)
        if kind is ScopeKind.CELL and node.simple and sys.version_info < (3, 14):
            self.names.read(_ANNOTATIONS)
            self.names.bind(_ANNOTATIONS)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.names.bind(imported_name(alias))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name == "*":
                self.star_imports.append(("." * node.level + (node.module or ""), node.lineno))
            else:
                self.names.bind(imported_name(alias))

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._each([*node.decorator_list, *default_values(node.args)])
        with self._type_parameters(node):
            if not self._has_lazy_annotations:
                self._each(each.annotation for each in every_argument(node.args))
                self._each([node.returns])
            self._body_runs_later(node)
        self.names.bind(node.name)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._each(node.decorator_list)
        with self._type_parameters(node):
            self._each([*node.bases, *node.keywords])
            with self.names.inside(class_scope(node), _CLASS_BORN):
                self.block(node.body)
        self.names.bind(node.name)

    @contextmanager
    def _type_parameters(self, node: ast.AST) -> Iterator[None]:
        """Open the scope of ``[T: Bound]`` (Python 3.12), where there is one."""
        parameters: list[ast.AST] = getattr(node, "type_params", [])
        if not parameters:
            yield
            return
        private = self.names.scope.private
        own = frozenset(mangle(str(getattr(each, "name", "")), private) for each in parameters)
        with self.names.inside(Scope(ScopeKind.FUNCTION, own, private=private)):
            with self._deferred():
                for each in parameters:
                    self.generic_visit(each)
            yield

    def visit_TypeAlias(self, node: ast.AST) -> None:
        with self._type_parameters(node), self._deferred():
            self._each([getattr(node, "value", None)])
        self._each([getattr(node, "name", None)])

    # -- expressions ---------------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.names.read(node.id)
        elif isinstance(node.ctx, ast.Del):
            self.names.read(node.id)
            self.names.delete(node.id)
        elif self.names.scope.kind is not ScopeKind.COMPREHENSION:
            self.names.bind(node.id)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.names.bind(node.target.id)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._each(default_values(node.args))
        self._body_runs_later(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self.visit(node.values[0])
        self._maybe(node.values[1:])

    def visit_Compare(self, node: ast.Compare) -> None:
        self._each([node.left, node.comparators[0]])
        self._maybe(node.comparators[1:])

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        self._maybe([node.body])
        self._maybe([node.orelse])

    def visit_Assert(self, node: ast.Assert) -> None:
        self._maybe([node.test, node.msg])

    def visit_Dict(self, node: ast.Dict) -> None:
        for key, value in zip(node.keys, node.values, strict=True):
            self._each([key, value])

    def generic_visit(self, node: ast.AST) -> None:
        if isinstance(node, COMPREHENSIONS):
            self._comprehension(node)
        else:
            super().generic_visit(node)

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> None:
        self.visit(node.generators[0].iter)
        state = self.names.state
        self.names.later += isinstance(node, ast.GeneratorExp)
        with self.names.inside(comprehension_scope(node.generators, self.names.scope.private)):
            self._comprehension_parts(node)
        self.names.later -= isinstance(node, ast.GeneratorExp)
        self.names.state = state

    def _comprehension_parts(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> None:
        for index, generator in enumerate(node.generators):
            self._each([generator.iter] if index else [])
            self._each([generator.target, *generator.ifs])
        if isinstance(node, ast.DictComp):
            self._each([node.key, node.value])
        else:
            self.visit(node.elt)


def _is_irrefutable(case: ast.match_case) -> bool:
    pattern = case.pattern
    return case.guard is None and isinstance(pattern, ast.MatchAs) and pattern.pattern is None
