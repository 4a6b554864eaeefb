"""Which attributes and items of modules a cell may assign.

Whether a name is a module is known only where the cell runs, so stores on any name are found.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

_MUTATORS = frozenset(
    {"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove"}
    | {"reverse", "setdefault", "sort", "update"}
)


@dataclass(frozen=True, slots=True)
class Store:
    """An assignment to, or a deletion from, something reached from a name.

    Attributes
    ----------
    root : str
        A global name; or the full name of a module, see `is_module`.
    path : tuple of str
        Attributes that lead from there to what is assigned, or to the container that is changed.
    key : str or None
        Source of a constant index into that container.
    is_module : bool
        The name is bound by an import in the same code, so the module is known.
    is_inside : bool
        Nothing is assigned at the path: the object there is changed inside.
    """

    root: str
    path: tuple[str, ...]
    key: str | None = None
    is_module: bool = False
    is_inside: bool = False

    @property
    def text(self) -> str:
        """The store as one line, for the wire; `parse` reads it."""
        root = f"!{self.root}" if self.is_module else self.root
        key = "" if self.key is None else f"[{self.key}]"
        inside = "~" if self.is_inside else ""
        return f"{root}:{inside}{'.'.join(self.path)}{key}"

    @classmethod
    def parse(cls, text: str) -> Store:
        """Return the store of which this is the `text`."""
        root, _, rest = text.partition(":")
        dotted, bracket, key = rest.partition("[")
        return cls(
            root.lstrip("!"),
            tuple(dotted.lstrip("~").split(".")),
            key[:-1] if bracket else None,
            is_module=root.startswith("!"),
            is_inside=dotted.startswith("~"),
        )


def find_stores(tree: ast.AST) -> frozenset[Store]:
    """Return every store on something that is reached from a name by attributes."""
    imports = {alias: module for node in ast.walk(tree) for alias, module in _imports(node)}
    found = set()
    for node in ast.walk(tree):
        for store in _stores(node):
            found.add(store)
            if store.root in imports:
                module, attributes = imports[store.root]
                path = (*attributes, *store.path)
                found.add(replace(store, root=module, path=path, is_module=True))
    return frozenset(found)


def _imports(node: ast.AST) -> Iterator[tuple[str, tuple[str, tuple[str, ...]]]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            module = alias.name if alias.asname else alias.name.partition(".")[0]
            yield alias.asname or module, (module, ())
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        for alias in node.names:
            yield alias.asname or alias.name, (node.module, (alias.name,))


def _stores(node: ast.AST) -> Iterator[Store]:
    match node:
        case ast.Attribute(ctx=ast.Store() | ast.Del()):
            yield from _chain(node)
        case ast.Subscript(ctx=ast.Store() | ast.Del()):
            yield from _item(node)
        case ast.Call(
            func=ast.Name(id="setattr" | "delattr"),
            args=[owner, ast.Constant(value=str(name)), *_],
        ) if name.isidentifier():
            yield from _chain(ast.Attribute(owner, name))
        case ast.Call(func=ast.Attribute(value=ast.Attribute() as container, attr=method)):
            if method in _MUTATORS:
                yield from (replace(store, is_inside=True) for store in _chain(container))


def _item(node: ast.Subscript) -> Iterator[Store]:
    outer: ast.expr = node
    while isinstance(outer, ast.Subscript | ast.Attribute):
        if isinstance(outer, ast.Subscript):
            node = outer  # the innermost index: all below it changes with it
        outer = outer.value
    if not isinstance(node.value, ast.Attribute):
        return
    key = repr(node.slice.value) if isinstance(node.slice, ast.Constant) else None
    for store in _chain(node.value):
        yield replace(store, key=key, is_inside=True)


def _chain(node: ast.expr) -> Iterator[Store]:
    path: list[str] = []
    while isinstance(node, ast.Attribute):
        path.insert(0, node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        yield Store(node.id, tuple(path))
    elif isinstance(node, ast.Subscript):
        yield from _item(node)
