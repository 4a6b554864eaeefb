"""What looking up a name would reach at one point of a cell: open scopes and certain names."""

from __future__ import annotations

import ast
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jupyter_scale.analysis.scopes import Scope, ScopeKind, deleted_names, mangle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

State = tuple[frozenset[str], ...]
"""For each open scope, the names that are bound for certain."""


class Lookup:
    """Resolves names during a walk, and collects the global ones.

    Parameters
    ----------
    tree : ast.Module
        The whole cell: what it deletes anywhere is never certain in code that runs later.

    Attributes
    ----------
    reads, binds, deletes, touched : set of str
        What was found so far.
    scopes : tuple of Scope
        The open scopes; the cell's own comes first.
    state : tuple of frozenset of str
        The certain names of each; those of functions and comprehensions are never looked at.
    later : int
        Above 0 in code that runs at some later time.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.reads: set[str] = set()
        self.binds: set[str] = set()
        self.deletes: set[str] = set()
        self.touched: set[str] = set()
        self.scopes: tuple[Scope, ...] = (Scope(ScopeKind.CELL),)
        self.state: State = (frozenset(),)
        self.later = 0
        self._deleted = deleted_names([tree])
        self._declared_global = {
            name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names
        }

    @property
    def scope(self) -> Scope:
        """The innermost scope."""
        return self.scopes[-1]

    @contextmanager
    def inside(self, scope: Scope, certain: frozenset[str] = frozenset()) -> Iterator[None]:
        """Open a scope in which the names `certain` are bound from the start."""
        self.scopes, self.state = (*self.scopes, scope), (*self.state, certain)
        try:
            yield
        finally:
            self.scopes, self.state = self.scopes[:-1], self.state[:-1]

    @contextmanager
    def back_in(self, scopes: tuple[Scope, ...]) -> Iterator[None]:
        """Return to scopes that were left, with what is certain in the cell by now."""
        left, state = self.scopes, self.state
        self.scopes = scopes
        self.state = (state[0], *(frozenset[str]() for _ in scopes[1:]))
        try:
            yield
        finally:
            self.scopes, self.state = left, state

    def read(self, name: str) -> None:
        """Look a name up."""
        name = mangle(name, self.scope.private)
        if not self._is_global(name):
            return
        self.touched.add(name)
        is_certain = name in self.state[0] and not (self.later and name in self._deleted)
        if not is_certain:
            self.reads.add(name)

    def bind(self, name: str) -> None:
        """Bind a name where an assignment or walrus would."""
        index = len(self.scopes) - 1
        while self.scopes[index].kind is ScopeKind.COMPREHENSION:
            index -= 1
        scope = self.scopes[index]
        name = mangle(name, scope.private)
        if index == 0 or name in scope.global_names:
            self.binds.add(name)
        is_kept = index == 0 or (scope.kind is ScopeKind.CLASS and name not in scope.global_names)
        if is_kept and not (name in self._deleted and name in self._declared_global):
            self._set_certain(index, self.state[index] | {name})

    def delete(self, name: str) -> None:
        """Unbind a name, as ``del`` or the end of an ``except E as name`` does."""
        name = mangle(name, self.scope.private)
        if self._is_global(name):
            self.deletes.add(name)
        self._set_certain(len(self.state) - 1, self.state[-1] - {name})

    def forget(self, nodes: Iterable[ast.AST]) -> None:
        """Take as uncertain what `nodes` delete anywhere."""
        gone = deleted_names(nodes)
        self.state = tuple(certain - gone for certain in self.state)

    def _set_certain(self, index: int, names: frozenset[str]) -> None:
        self.state = (*self.state[:index], names, *self.state[index + 1 :])

    def _is_global(self, name: str) -> bool:
        """Tell whether looking up `name` here reaches the notebook's namespace."""
        last = len(self.scopes) - 1
        for index in range(last, 0, -1):
            scope = self.scopes[index]
            if scope.kind is not ScopeKind.CLASS:
                if name in scope.own:
                    return False
                if name in scope.global_names:
                    return True
            elif index == last:
                if name in self.state[index]:
                    return False
                if name in scope.own or name in scope.global_names:
                    return True
            elif name == "__class__":
                return False
        return True
