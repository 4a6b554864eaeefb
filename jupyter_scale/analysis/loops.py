"""The loops of a cell and, for each, whether it may spread over workers or why not."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

from jupyter_scale.analysis.forloops import BATCH, plan_for
from jupyter_scale.analysis.names import find_names
from jupyter_scale.analysis.scopes import target_names

_KERNEL_BOUND = frozenset({"input", "get_ipython", "exec", "eval", "globals", "locals", "vars"})
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
"""Functions that go through their first argument at once, and do not keep it."""

_CONSUMING_ATTRIBUTES = frozenset({"Counter", "concat", "fromiter", "fsum"})
_ASKING = frozenset({"max", "min", "sum"})
"""Those of them that run code between two values if they are told to: a key, a start."""

_ASKED_ONCE = frozenset({
    "agg", "aggregate", "apply", "applymap", "assign", "brentq", "curve_fit", "filter", "fsolve",
    "groupby", "map", "minimize", "minimize_scalar", "pipe", "quad", "reduce", "root", "solve_ivp",
    "sort", "sort_values", "sub", "transform",
})  # fmt: skip
"""Methods that use up a function that they are given."""

_LIBRARIES = frozenset({
    "collections", "cp", "cupy", "da", "dask", "dd", "jax", "jnp", "math", "np", "numpy",
    "operator", "os", "pd", "pandas", "pl", "polars", "scipy", "shutil", "sp", "tf", "torch",
})  # fmt: skip
"""Names that stand for modules in every notebook: ``np.append`` changes nothing."""

_LISTING = frozenset({"dir", "eval", "exec", "locals", "vars"})
LoopNode = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp | ast.For | ast.Call
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_KINDS = {
    ast.ListComp: "list comprehension",
    ast.SetComp: "set comprehension",
    ast.DictComp: "dict comprehension",
    ast.GeneratorExp: "generator",
    ast.For: "for loop",
    ast.Call: "map()",
}


@dataclass(frozen=True, slots=True)
class Loop:
    """One loop of a cell, or of a function that it defines.

    Attributes
    ----------
    number : int
        Order in the source, from 0.
    kind : str
        ``"list comprehension"``, ``"set comprehension"``, ``"dict comprehension"``,
        ``"generator"``, ``"map()"`` or ``"for loop"``.
    line, column : int
        Where it begins: line from 1, column from 0 in UTF-8 bytes, as in `ast`.
    target : str
        Source text of the target; empty for ``map()``.
    reads : frozenset of str
        Names from outside that an iteration reads, without the loop's own.
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


def find_loops(tree: ast.Module, shadowed: Collection[str] = ()) -> tuple[Loop, ...]:
    """Return the loops of a cell and of the functions in it, in source order.

    Parameters
    ----------
    tree
        The cell.
    shadowed
        Names that the notebook has bound: none of them is the builtin.
    """
    return tuple(_judge(number, node) for number, node in enumerate(loop_nodes(tree, shadowed)))


def loop_nodes(tree: ast.Module, shadowed: Collection[str] = ()) -> list[LoopNode]:
    """Return the loops that may be handed over, in source order: a loop's number is its index.

    What is inside a comprehension belongs to that; loops inside a ``for`` loop's body are loops of
    their own, too.
    """
    found = _Finder(tree, shadowed)
    found.visit(tree)
    return sorted(found.loops, key=lambda node: (node.lineno, node.col_offset))


class _Finder(ast.NodeVisitor):
    """Collects the loops of a scope and of functions inside it; not those of class bodies."""

    def __init__(self, tree: ast.Module, shadowed: Collection[str]) -> None:
        self.loops: list[LoopNode] = []
        self._tree, self._shadowed = tree, shadowed
        self._is_in_class = False

    @cached_property
    def _bound(self) -> frozenset[str]:
        """Names that the cell binds; most cells have no call for which that matters."""
        return find_names(self._tree).binds

    def _is_builtin(self, name: str) -> bool:
        return name not in self._shadowed and name not in self._bound

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in (*node.decorator_list, node.args):
            self.visit(part)
        names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        if not names.isdisjoint(_LISTING):
            return  # it would see what rewriting binds
        before, self._is_in_class = self._is_in_class, False
        for statement in node.body:
            self.visit(statement)
        self._is_in_class = before

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(part)
        before, self._is_in_class = self._is_in_class, True
        for statement in node.body:
            self.visit(statement)
        self._is_in_class = before

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.args)

    def visit_For(self, node: ast.For) -> None:
        self._add(node)
        self.generic_visit(node)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self.visit(node.generators[0].iter)  # it runs whenever someone asks for the next value

    def visit_Starred(self, node: ast.Starred) -> None:
        if isinstance(node.ctx, ast.Load) and isinstance(node.value, ast.GeneratorExp):
            self._add(node.value)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        is_unpacked = any(isinstance(target, ast.Tuple | ast.List) for target in node.targets)
        if is_unpacked and isinstance(node.value, ast.GeneratorExp):
            self._add(node.value)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if node.args and self._consumes(node):
            first = node.args[0]
            if isinstance(first, ast.GeneratorExp):
                self._add(first)
            if isinstance(first, ast.Call) and self._is_map(first):
                self._add(first)
        self.generic_visit(node)

    def _comprehension(self, node: _Comprehension) -> None:
        self._add(node)
        self.visit(node.generators[0].iter)

    def _add(self, node: LoopNode) -> None:
        if not self._is_in_class:
            self.loops.append(node)

    def _consumes(self, call: ast.Call) -> bool:
        match call.func:
            case ast.Name(id=name):
                others = [*call.args[1:], *(keyword.value for keyword in call.keywords)]
                is_alone = all(map(_is_literal, others))
                is_known = name in _CONSUMERS and (is_alone or name not in _ASKING)
                return is_known and self._is_builtin(name)
            case ast.Attribute(value=ast.Constant(value=str()), attr="join"):
                return True
            case ast.Attribute(value=ast.Name(id=name), attr=method):
                return name in _LIBRARIES and method in _CONSUMING_ATTRIBUTES
        return False

    def _is_map(self, node: ast.Call) -> bool:
        match node:
            case ast.Call(func=ast.Name(id="map"), args=[function, items], keywords=[]):
                starred = isinstance(function, ast.Starred) or isinstance(items, ast.Starred)
                return not starred and self._is_builtin("map")
        return False


def _is_literal(node: ast.expr) -> bool:
    """Tell whether a value is written out: to add to it runs none of the notebook's code."""
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _judge(number: int, node: LoopNode) -> Loop:
    if isinstance(node, ast.For):
        target, (reads, why) = ast.unparse(node.target), _judge_for(node)
    elif isinstance(node, ast.Call):
        target, reads, why = "", find_names(_alone(node.args[0])).reads, ""
    else:
        target, reads = ast.unparse(node.generators[0].target), _reads(node)
        why = _wrong_shape(node) or _wrong_content(node)
    kind = _KINDS[type(node)]
    return Loop(number, kind, node.lineno, node.col_offset, target, reads, not why, why)


def _alone(node: ast.expr) -> ast.Module:
    return ast.Module([ast.Expr(node)], [])


# -- comprehensions --------------------------------------------------------------------------


def elements(node: _Comprehension) -> list[ast.expr]:
    """Return what a comprehension makes of an item: a value, or key and value."""
    return [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]


def _reads(node: _Comprehension) -> frozenset[str]:
    """Return what one iteration reads: the comprehension over nothing at all."""
    first, *others = node.generators
    emptied = ast.comprehension(first.target, ast.Tuple([], ast.Load()), first.ifs, first.is_async)
    element = ast.Tuple(elements(node), ast.Load())
    return find_names(_alone(ast.ListComp(element, [emptied, *others]))).reads


def _wrong_shape(node: _Comprehension) -> str:
    if any(generator.is_async for generator in node.generators):
        return f"line {node.lineno}: 'async for' runs in order"
    target = node.generators[0].target
    if not _is_plain(target):
        return f"line {target.lineno}: the target is not a plain name"
    return ""


def _is_plain(target: ast.expr) -> bool:
    parts = ast.walk(target)
    return not any(isinstance(part, ast.Attribute | ast.Subscript) for part in parts)


def _iteration(node: _Comprehension) -> list[ast.expr]:
    """Return the expressions of one iteration, in the order of evaluation."""
    first, *others = node.generators
    inner = [part for each in others for part in (each.iter, *each.ifs)]
    return [*first.ifs, *inner, *elements(node)]


def _wrong_content(node: _Comprehension) -> str:
    own = frozenset().union(*(target_names(each.target) for each in node.generators))
    consumed = {id(part) for each in _iteration(node) for part in _consumed(each)}

    def object_to(part: ast.AST) -> str:
        if isinstance(part, ast.NamedExpr):
            return f"binds {part.target.id!r} with ':='"
        return "" if id(part) in consumed else _lasting_closure(part, own)

    return _first_objection(node, _iteration(node), own, object_to)


def _consumed(tree: ast.expr) -> Iterator[ast.expr]:
    """Yield lambdas and generators that a call uses up at once: the keys of ``sorted`` ..."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Lambda):
            yield node.func
        is_known = isinstance(node.func, ast.Name) and node.func.id in _CONSUMERS | {"filter"}
        if isinstance(node.func, ast.Attribute):
            is_known = node.func.attr in _ASKED_ONCE | _CONSUMING_ATTRIBUTES | {"join"}
        if is_known:
            yield from node.args
            yield from (keyword.value for keyword in node.keywords)


def _lasting_closure(node: ast.AST, own: frozenset[str]) -> str:
    """Object to closures over the loop's variable: all iterations share the one variable."""
    if not isinstance(node, ast.Lambda | ast.GeneratorExp):
        return ""
    shared = sorted({n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in own})
    kind = "a lambda" if isinstance(node, ast.Lambda) else "a generator"
    return f"{kind} keeps the loop's variable {shared[0]!r}" if shared else ""


# -- for loops -------------------------------------------------------------------------------


def _judge_for(node: ast.For) -> tuple[frozenset[str], str]:
    plan = plan_for(node)
    own = frozenset(plan.temporaries.names)
    if plan.why is None and not _is_plain(node.target):
        return frozenset(), f"line {node.target.lineno}: the target is not a plain name"
    if plan.why is not None:
        line, why = plan.why
        return frozenset(), f"line {line}: {why}"
    reads = find_names(ast.Module(list(plan.body), [])).reads - own - {BATCH}
    return reads, _first_objection(node, plan.body, own, lambda _node: "")


# -- both ------------------------------------------------------------------------------------


def _first_objection(
    loop: ast.AST,
    parts: Collection[ast.AST],
    own: frozenset[str],
    also: Callable[[ast.AST], str],
) -> str:
    calls = False
    for part in (inner for each in parts for inner in ast.walk(each)):
        if why := _objection(part, own) or also(part):
            return f"line {getattr(part, 'lineno', loop.lineno)}: {why}"  # type: ignore[attr-defined]
        calls = calls or (isinstance(part, ast.Call) and not _is_log(part))
        calls = calls or isinstance(part, ast.BinOp | ast.While | ast.For)
    if calls:
        return ""
    return f"line {loop.lineno}: nothing to compute: cheaper in place"  # type: ignore[attr-defined]


def _is_log(node: ast.Call) -> bool:
    match node.func:
        case ast.Attribute(value=ast.Name(id=name)):
            return name == BATCH
    return False


def _objection(node: ast.AST, own: frozenset[str]) -> str:
    changed: list[ast.expr] = []
    match node:
        case ast.Await() | ast.Yield() | ast.YieldFrom():
            return "waits with 'await' or 'yield'"
        case ast.Name(id=name, ctx=ast.Load()) if name in _KERNEL_BOUND and name not in own:
            return f"uses {name}()"
        case ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[receiver, *_]):
            changed = [receiver]
        case ast.Call(func=ast.Attribute(attr=method, value=receiver)):
            changed = [receiver] if method in _CHANGING_METHODS else []
        case ast.Delete(targets=targets):
            changed = [target for target in targets if not isinstance(target, ast.Name)]
        case ast.Assign(targets=targets):
            changed = [part for target in targets for part in _stored(target)]
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            changed = list(_stored(target))
    return next(filter(None, (_change(each, own) for each in changed)), "")


def _stored(target: ast.expr) -> Iterator[ast.expr]:
    """Yield the attributes and items that an assignment sets."""
    for part in ast.walk(target):
        if isinstance(part, ast.Attribute | ast.Subscript) and isinstance(part.ctx, ast.Store):
            yield part


def _change(receiver: ast.expr, own: frozenset[str]) -> str:
    """Say that something from outside is changed; the iteration's own objects are its own."""
    changed = _root(receiver)
    if changed is None or changed in _LIBRARIES or changed in own or changed == BATCH:
        return ""
    return f"changes {changed!r}"


def _root(node: ast.expr) -> str | None:
    """Return the name through which an expression reaches its object, if there is one."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None
