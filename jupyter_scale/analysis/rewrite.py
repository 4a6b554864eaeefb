"""Code whose loops are handed over: each becomes a call, or goes through what a call gives it.

``[elt for t in it if c]`` becomes ``ENTRY(run, it, place)`` with ``run = lambda __scale_items__:
[elt for t in __scale_items__ if c]``; other comprehensions, generator arguments and ``map(f, it)``
likewise, with a `run` that goes through their elements. The place is a constant ``(line, kind,
is_named, details, site)``. Where there are several ``for``, two arguments more make one loop of the
first two of them.

A loop that may run many times, because it is in another one or in a function, is handed over only
while its site, a text, is not in ``__scale_asleep__``: for a short loop that is all that it costs.

A ``for`` loop stays, and goes through ``ENTRY(make, it, place)``: an iterator that gives it the
items to run in place (`ForDetails` tells what the details are). For the others ``make()`` returns
four functions: ``body(items)`` computes, elsewhere, what effects need; ``apply(number, operands)``
carries one effect out; ``bind(values)`` binds what iterations leave; ``roots()`` returns what the
effects change. ::

    for x in it:              def __scale_body__(__scale_items__):
        y = f(x)                  for x in __scale_items__:
        xs.append(y)                  y = f(x)
                                      __scale_items__.log(0, y)
                                  __scale_items__.end()
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from jupyter_scale.analysis.effects import OPERANDS
from jupyter_scale.analysis.forloops import BATCH, ForPlan, plan_for
from jupyter_scale.analysis.loops import Loop, LoopNode, find_loops, loop_nodes
from jupyter_scale.analysis.scopes import COMPREHENSIONS, function_scope

FUNCTION = "__scale_function__"
MAKE, BODY, APPLY = "__scale_make__", "__scale_body__", "__scale_apply__"
BIND, ROOTS = "__scale_bind__", "__scale_roots__"
SHIFT = 1_000_000
"""So many lines below its place is the code of ``body``, until it is given plain names."""

HASHED, PAIR = "__scale_hashed__", "__scale_pair__"
"""Functions ``value → value`` and ``key, value → (key, value)`` that fail for what has no hash."""

ASLEEP = "__scale_asleep__"
"""Name of the sites of loops that stay as they are from now on."""

_NUMBER, _VALUES = "__scale_number__", "__scale_values__"
_Declare = Callable[[Collection[str]], list[ast.stmt]]


def spread_loops(
    tree: ast.Module, entry: str, shadowed: Collection[str] = (), source: str = ""
) -> tuple[ast.Module, tuple[Loop, ...]]:
    """Return a copy of a cell in which loops that may spread are handed over, and those loops.

    Every node keeps the place of what it stands for, so that tracebacks show the cell's own lines.

    Parameters
    ----------
    tree : ast.Module
        The cell. It is not changed.
    entry : str
        Global name of the callable to which loops are handed.
    shadowed : collection of str
        Names that the notebook has bound: none of them is the builtin.
    source : str
        What the cell is called; it begins the names of sites.
    """
    loops = find_loops(tree, shadowed)
    chosen = tuple(loop for loop in loops if loop.spreads)
    if not chosen:
        return tree, ()
    tree = copy.deepcopy(tree)
    nodes = loop_nodes(tree, shadowed)
    handed = {id(nodes[loop.number]): loop for loop in chosen}
    _Spread(entry, handed, source).generic_visit(tree)
    return tree, chosen


class _Spread(ast.NodeTransformer):
    def __init__(self, entry: str, handed: dict[int, Loop], source: str) -> None:
        self._entry, self._source = entry, source
        self._handed = handed
        #: How many loops and functions are around.
        self._depth = 0
        #: Names that the function around declares global; None in the cell itself.
        self._globals: frozenset[str] | None = None

    def visit(self, node: ast.AST) -> ast.AST | list[ast.stmt]:
        """Return what a node becomes."""
        loop = self._handed.get(id(node))
        if loop is None:
            self._depth += isinstance(node, _REPEATING)
            visited: ast.AST = super().visit(node)
            self._depth -= isinstance(node, _REPEATING)
            return visited
        if isinstance(node, ast.For):
            return self._as_statements(loop, node)
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1
        plain = copy.deepcopy(node)
        return self._unless_asleep(loop, self._as_call(loop, node), plain)  # type: ignore[arg-type]

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        before = self._globals
        self._globals = function_scope(node, None).global_names
        self.generic_visit(node)
        self._globals = before
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self.visit_FunctionDef(node)

    def _call(
        self, loop: Loop, node: ast.AST, arguments: list[ast.expr], plan: ForPlan | None = None
    ) -> ast.Call:
        details = None if plan is None else plan.details
        place = (loop.line, loop.kind, _is_named(arguments[-1]), details, self._site(loop))
        constant = ast.Constant(place)  # type: ignore[arg-type] # code can
        call = ast.Call(ast.Name(self._entry, ast.Load()), [*arguments, constant], [])
        for part in (call, call.func, constant):
            ast.copy_location(part, node)
        return call

    def _site(self, loop: Loop) -> str:
        return f"{self._source}:{loop.line}:{loop.column}" if self._depth else ""

    def _is_awake(self, loop: Loop, where: ast.AST) -> ast.expr:
        return _placed(ast.parse(f"{self._site(loop)!r} not in {ASLEEP}", mode="eval").body, where)

    def _unless_asleep(self, loop: Loop, handed: ast.Call, plain: ast.expr) -> ast.expr:
        if not self._depth:
            return handed
        return ast.copy_location(ast.IfExp(self._is_awake(loop, plain), handed, plain), plain)

    # -- comprehensions ----------------------------------------------------------------------

    def _as_call(self, loop: Loop, node: LoopNode) -> ast.Call:
        if isinstance(node, ast.Call):
            function, iterable = node.args
            return self._call(loop, node, [_map_run(function), iterable])
        assert not isinstance(node, ast.For)  # noqa: S101 - `visit` has sorted it out
        generator = node.generators[0]
        iterable = generator.iter
        generator.iter = ast.copy_location(ast.Name(BATCH, ast.Load()), iterable)
        flat = _flattened(node, iterable)
        run = _lambda(BATCH, _as_elements(node), iterable)
        call = self._call(loop, node, [run, iterable])
        call.args += flat
        return call

    # -- for loops ---------------------------------------------------------------------------

    def _as_statements(self, loop: Loop, node: ast.For) -> list[ast.stmt]:
        plan = plan_for(node)
        target = copy.deepcopy(node.target)
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1
        functions = ast.parse(f"return {BODY}, {APPLY}, {BIND}, {ROOTS}").body
        parts: list[ast.stmt] = [
            _body(target, plan, node),
            _apply(plan, node, self._declare),
            _bind(plan, node, self._declare),
            _roots(plan, node),
            _placed(functions[0], node),
        ]
        make = _placed(ast.Name(MAKE, ast.Load()), node)
        plain = copy.deepcopy(node.iter)
        handed = self._call(loop, node.iter, [make, node.iter], plan)
        node.iter = self._unless_asleep(loop, handed, plain)
        definition = _define(MAKE, [], parts, node)
        if self._depth:
            test = self._is_awake(loop, node)
            definition = ast.copy_location(ast.If(test, [definition], []), node)
        return [definition, node]

    def _declare(self, names: Collection[str]) -> list[ast.stmt]:
        """Return what makes names those of the scope around, in a function inside it."""
        far = sorted(n for n in names if self._globals is None or n in self._globals)
        near = sorted(set(names).difference(far))
        declarations: list[ast.stmt] = [ast.Global(far)] if far else []
        return [*declarations, *([ast.Nonlocal(near)] if near else [])]


def _is_named(iterable: ast.expr) -> bool:
    """Tell whether others can reach what a loop goes through: a generator that has a name."""
    if isinstance(iterable, ast.Call):
        is_wrapper = isinstance(iterable.func, ast.Name) and iterable.func.id in _WRAPPERS
        return is_wrapper and any(map(_is_named, iterable.args))
    return isinstance(iterable, ast.Name | ast.Attribute | ast.Subscript)


_REPEATING = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.For, ast.AsyncFor, ast.While,
    *COMPREHENSIONS,
)  # fmt: skip
_WRAPPERS = frozenset({"enumerate", "iter", "map", "tqdm", "trange", "zip"})
_Node = TypeVar("_Node", bound=ast.AST)
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def _placed(node: _Node, where: ast.AST) -> _Node:
    """Put a node, with its parts, where another one stands."""
    for part in ast.walk(node):
        ast.copy_location(part, where)
    return node


def _lambda(parameter: str, body: ast.expr, where: ast.AST) -> ast.Lambda:
    argument = ast.copy_location(ast.arg(parameter), where)
    arguments = ast.arguments(
        posonlyargs=[], args=[argument], kwonlyargs=[], kw_defaults=[], defaults=[]
    )
    return ast.copy_location(ast.Lambda(arguments, body), body)


def _flattened(node: _Comprehension, where: ast.expr) -> list[ast.expr]:
    """Return two functions that make one loop of the first two of a comprehension.

    ``[elt for a in A for b in B]`` with few `a` is ``[elt for a, b in ((a, b) for a in A for b in
    B)]``: what gives the pairs, and what goes through them.
    """
    if len(node.generators) == 1:
        return []
    first, second, *others = node.generators
    target = ast.Tuple([first.target, second.target], ast.Store())
    if any(isinstance(part, ast.Starred) for part in ast.walk(target)):
        return []
    value = copy.deepcopy(target)
    for part in ast.walk(value):
        if isinstance(part, ast.Name | ast.Tuple | ast.List):
            part.ctx = ast.Load()
    pairs = ast.GeneratorExp(value, copy.deepcopy([first, second]))
    flat: _Comprehension = copy.copy(node)
    items = ast.Name(BATCH, ast.Load())
    flat.generators = [ast.comprehension(target, items, [], 0), *others]
    for part in (target, value, pairs, items):
        ast.copy_location(part, where)
    elements = _as_elements(copy.deepcopy(flat))
    return [_lambda(BATCH, pairs, where), _lambda(BATCH, elements, where)]


def _as_elements(node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> ast.expr:
    """Return what goes through a comprehension's elements; a dictionary's are pairs."""
    if isinstance(node, ast.ListComp):
        return node
    if isinstance(node, ast.GeneratorExp):
        return node  # it stays: it has a frame of its own
    if isinstance(node, ast.DictComp):
        name = _placed(ast.Name(PAIR, ast.Load()), node.key)
        element = ast.copy_location(ast.Call(name, [node.key, node.value], []), node.key)
    else:
        name = _placed(ast.Name(HASHED, ast.Load()), node.elt)
        element = ast.copy_location(ast.Call(name, [node.elt], []), node.elt)
    # Not a list: an element is put into the set before the next one is computed.
    return ast.copy_location(ast.GeneratorExp(element, node.generators), node)


def _map_run(function: ast.expr) -> ast.expr:
    """Return an expression for what applies a function, which is evaluated once."""
    text = f"(lambda {FUNCTION}: lambda {BATCH}: map({FUNCTION}, {BATCH}))()"
    call = _placed(ast.parse(text, mode="eval").body, function)
    assert isinstance(call, ast.Call)  # noqa: S101 - it was just written so
    call.args = [function]
    return call


def _define(
    name: str, parameters: Sequence[str], body: Sequence[ast.stmt], where: ast.AST
) -> ast.stmt:
    [definition] = ast.parse(f"def {name}({', '.join(parameters)}): pass").body
    assert isinstance(definition, ast.FunctionDef)  # noqa: S101 - it was just written so
    _placed(definition, where)
    if body:
        definition.body = [
            ast.copy_location(each, where) if not hasattr(each, "lineno") else each for each in body
        ]
    return definition


def _body(target: ast.expr, plan: ForPlan, node: ast.For) -> ast.stmt:
    items = ast.copy_location(ast.Name(BATCH, ast.Load()), node.iter)
    loop = ast.copy_location(ast.For(target, items, list(plan.body), []), node)
    [end] = ast.parse(f"{BATCH}.end()").body
    # Elsewhere: the compiler makes one of equal code, and the loop's own has another name.
    return ast.increment_lineno(_define(BODY, [BATCH], [loop, _placed(end, node)], node), SHIFT)


def _apply(plan: ForPlan, node: ast.For, declare: _Declare) -> ast.stmt:
    added = {effect.receiver.root for effect in plan.effects if effect.receiver.change == "="}
    chain: list[ast.stmt] = []
    for number, effect in reversed(list(enumerate(plan.effects))):
        test = _placed(ast.parse(f"{_NUMBER} == {number}", mode="eval").body, effect.statement)
        statement = ast.copy_location(ast.If(test, [effect.statement], chain), effect.statement)
        chain = [statement]
    declared: list[ast.stmt] = declare(added)
    return _define(APPLY, [_NUMBER, OPERANDS], [*declared, *chain], node)


def _bind(plan: ForPlan, node: ast.For, declare: _Declare) -> ast.stmt:
    names = plan.temporaries.names
    statements: list[ast.stmt] = declare(names)
    for name in names:
        text = f"if {name!r} in {_VALUES}: {name} = {_VALUES}[{name!r}]"
        statements.append(_placed(ast.parse(text).body[0], node))
    return _define(BIND, [_VALUES], statements, node)


def _roots(plan: ForPlan, node: ast.For) -> ast.stmt:
    roots = "".join(
        f"{receiver.root}, " for receiver in (effect.receiver for effect in plan.effects)
    )
    return _define(ROOTS, [], [_placed(ast.parse(f"return ({roots})").body[0], node)], node)
