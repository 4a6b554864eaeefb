"""The loops of a cell and, for each, whether it may spread over workers or why not."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_scale.analysis.names import find_names
from jupyter_scale.analysis.scopes import COMPREHENSIONS, target_names

if TYPE_CHECKING:
    from collections.abc import Iterator

_KERNEL_BOUND = frozenset({
    "input", "display", "get_ipython", "next", "open", "exec", "eval", "globals", "locals",
})  # fmt: skip
_CHANGING_METHODS = frozenset({
    "add", "append", "appendleft", "clear", "difference_update", "discard", "extend",
    "extendleft", "insert", "intersection_update", "move_to_end", "pop", "popitem", "popleft",
    "put", "remove", "reverse", "rotate", "send", "setdefault", "sort", "subtract",
    "symmetric_difference_update", "update", "write", "writelines", "__delitem__", "__next__",
    "__setattr__", "__setitem__",
})  # fmt: skip
_CONSUMERS = frozenset({
    "all", "any", "bytes", "dict", "frozenset", "list", "max", "min", "set", "sorted", "sum",
    "tuple",
})  # fmt: skip
"""Functions that keep neither their arguments nor their keys."""

_PURE_ELSEWHERE = frozenset({"add", "subtract"})
"""Methods that change a set or counter, but not a data frame or a tensor."""

_LIBRARIES = frozenset({
    "cp", "cupy", "da", "dask", "dd", "jax", "jnp", "math", "np", "numpy", "operator", "os",
    "pd", "pandas", "pl", "polars", "scipy", "shutil", "sp", "tf", "torch",
})  # fmt: skip
"""Names that stand for modules in every notebook: ``np.append`` changes nothing."""


@dataclass(frozen=True, slots=True)
class Loop:
    """One loop at a cell's top level.

    Attributes
    ----------
    number : int
        Order in the source, from 0.
    kind : str
        ``"list comprehension"``.
    line, column : int
        Where it begins: line from 1, column from 0 in UTF-8 bytes, as in `ast`.
    target : str
        Source text of the target.
    reads : frozenset of str
        Global names read by the element, the conditions and the target, without the loop's own.
    spreads : bool
        Its iterations may run on workers.
    why : str
        The reason why it does not spread; empty when it does.
    """

    number: int
    kind: str
    line: int
    column: int
    target: str
    reads: frozenset[str]
    spreads: bool
    why: str


def find_loops(tree: ast.Module) -> tuple[Loop, ...]:
    """Return the loops at the top level of a cell, in source order."""
    return tuple(_judge(number, node) for number, node in enumerate(top_level_loops(tree)))


def top_level_loops(tree: ast.Module) -> list[ast.ListComp]:
    """Return the list comprehensions that run in the cell's own scope, in source order.

    A loop's number is its index in this list.
    """
    return sorted(_own_loops(tree), key=lambda node: (node.lineno, node.col_offset))


def _own_loops(node: ast.AST) -> Iterator[ast.ListComp]:
    if isinstance(node, ast.ListComp):
        yield node
    for child in _own_children(node):
        yield from _own_loops(child)


def _own_children(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the children that are evaluated in the scope around `node`."""
    if isinstance(node, COMPREHENSIONS):
        yield node.generators[0].iter
    elif isinstance(node, ast.Lambda):
        yield node.args
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from [*node.decorator_list, node.args]
    elif isinstance(node, ast.ClassDef):
        yield from [*node.decorator_list, *node.bases, *node.keywords]
    else:
        yield from ast.iter_child_nodes(node)


def _judge(number: int, node: ast.ListComp) -> Loop:
    generator = node.generators[0]
    why = _why_not(node)
    return Loop(
        number=number,
        kind="list comprehension",
        line=node.lineno,
        column=node.col_offset,
        target=ast.unparse(generator.target),
        reads=_reads(node),
        spreads=not why,
        why=why,
    )


def _reads(node: ast.ListComp) -> frozenset[str]:
    """Return what one iteration reads: the comprehension over nothing at all."""
    first, *others = node.generators
    emptied = ast.comprehension(first.target, ast.Tuple([], ast.Load()), first.ifs, first.is_async)
    loop = ast.ListComp(node.elt, [emptied, *others])
    return find_names(ast.Module([ast.Expr(loop)], [])).reads


def _why_not(node: ast.ListComp) -> str:
    return _wrong_shape(node) or _wrong_content(node)


def _wrong_shape(node: ast.ListComp) -> str:
    generator = node.generators[0]
    if len(node.generators) > 1:
        return f"line {node.lineno}: more than one 'for' is not spread yet"
    if generator.is_async:
        return f"line {node.lineno}: 'async for' runs in order"
    if not _plain_target(generator.target):
        return f"line {generator.target.lineno}: the target is not a plain name"
    return ""


def _plain_target(target: ast.expr) -> bool:
    parts = ast.walk(target)
    return not any(isinstance(part, ast.Attribute | ast.Subscript) for part in parts)


def _iteration(node: ast.ListComp) -> list[ast.expr]:
    """Return the expressions of one iteration, in the order of evaluation."""
    return [*node.generators[0].ifs, node.elt]


def _wrong_content(node: ast.ListComp) -> str:
    own = target_names(node.generators[0].target)
    consumed = {id(part) for each in _iteration(node) for part in _consumed(each)}
    calls = False
    for part in (inner for each in _iteration(node) for inner in ast.walk(each)):
        why = _objection(part, own)
        if not why and id(part) not in consumed:
            why = _lasting_closure(part, own)
        if why:
            return f"line {getattr(part, 'lineno', node.lineno)}: {why}"
        calls = calls or isinstance(part, ast.Call)
    return "" if calls else f"line {node.lineno}: nothing to call: cheaper in place"


def _objection(node: ast.AST, own: frozenset[str]) -> str:
    match node:
        case ast.NamedExpr(target=target):
            return f"binds {target.id!r} with ':='"
        case ast.Await() | ast.Yield() | ast.YieldFrom():
            return "waits with 'await' or 'yield'"
        case ast.Name(id=name, ctx=ast.Load()) if name in _KERNEL_BOUND and name not in own:
            return f"uses {name}()"
        case ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[receiver, *_]):
            return _change(receiver, own)
        case ast.Call(func=ast.Attribute(attr=method, value=receiver)):
            is_own = _root(receiver) in own
            if method in _CHANGING_METHODS - (_PURE_ELSEWHERE if is_own else set()):
                return _change(receiver, own)
    return ""


def _consumed(tree: ast.expr) -> Iterator[ast.expr]:
    """Yield lambdas and generators that a call uses up at once: the keys of ``sorted`` ..."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else None
        is_join = isinstance(node.func, ast.Attribute) and node.func.attr == "join"
        if name in _CONSUMERS or is_join:
            yield from node.args
        if name in _CONSUMERS:
            yield from (keyword.value for keyword in node.keywords)


def _lasting_closure(node: ast.AST, own: frozenset[str]) -> str:
    """Object to closures over the loop's variable: all iterations share the one variable."""
    if not isinstance(node, ast.Lambda | ast.GeneratorExp):
        return ""
    shared = sorted({n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in own})
    kind = "a lambda" if isinstance(node, ast.Lambda) else "a generator"
    return f"{kind} keeps the loop's variable {shared[0]!r}" if shared else ""


def _change(receiver: ast.expr, own: frozenset[str]) -> str:
    changed = _root(receiver)
    if changed is None or changed in _LIBRARIES:
        return ""
    return f"changes its own item {changed!r}" if changed in own else f"changes {changed!r}"


def _root(node: ast.expr) -> str | None:
    """Return the name through which an expression reaches its object, if there is one."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None
