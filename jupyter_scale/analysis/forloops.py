"""``for`` loops: what an iteration makes for itself, what it does to others, and what it leaves."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from jupyter_scale.analysis.effects import Effect, Receiver, Replacing, find_effects
from jupyter_scale.analysis.names import find_names
from jupyter_scale.analysis.scopes import COMPREHENSIONS

BATCH = "__scale_items__"
"""Name of what a spread loop goes through: the items of one batch."""

_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, *COMPREHENSIONS)


@dataclass(frozen=True, slots=True)
class Temporaries:
    """Names that an iteration binds.

    Attributes
    ----------
    names
        All of them, the loop's targets included; sorted.
    conditional
        Those that an iteration need not bind.
    deleted
        Those that it may delete (``del``, ``except ... as``).
    """

    names: tuple[str, ...]
    conditional: frozenset[str]
    deleted: frozenset[str]


@dataclass(frozen=True, slots=True)
class ForPlan:
    """A ``for`` loop taken apart.

    Attributes
    ----------
    why
        ``line and reason`` for which it cannot spread; None if it may.
    body
        What an iteration runs; effects are calls of ``__scale_items__.log(number, operands)``.
    effects
        The effects by number.
    temporaries
        Names that iterations bind.
    called
        Names from outside of which a method is called, whose result nobody looks at.
    """

    why: tuple[int, str] | None
    body: tuple[ast.stmt, ...] = ()
    effects: tuple[Effect, ...] = ()
    temporaries: Temporaries = Temporaries((), frozenset(), frozenset())
    called: tuple[str, ...] = ()

    @property
    def details(self) -> tuple[Any, ...]:
        """What `ForDetails.from_constant` needs, as a constant of rewritten code."""
        names = self.temporaries
        return (
            names.names,
            tuple(sorted(names.conditional)),
            tuple(sorted(names.deleted)),
            tuple(astuple(effect.receiver) for effect in self.effects),
            self.called,
        )


@dataclass(frozen=True, slots=True)
class ForDetails:
    """What has to be known of a ``for`` loop while it runs.

    Attributes
    ----------
    temporaries
        Names that iterations bind.
    receivers
        What the effects change, by number.
    called
        Names from outside of which a method is called for nothing but what it does.
    """

    temporaries: Temporaries
    receivers: tuple[Receiver, ...]
    called: tuple[str, ...]

    @classmethod
    def from_constant(cls, details: tuple[Any, ...]) -> ForDetails:
        """Return the details that are in rewritten code."""
        names, conditional, deleted, receivers, called = details
        return cls(
            Temporaries(names, frozenset(conditional), frozenset(deleted)),
            tuple(Receiver(*receiver) for receiver in receivers),
            called,
        )


def plan_for(loop: ast.For) -> ForPlan:
    """Take a ``for`` loop apart; the node given is not changed."""
    body = copy.deepcopy(loop.body)
    if (why := _leaves_early(body)) is not None:
        return ForPlan(why)
    bound = _bound(loop.target, body)
    effects = find_effects(body, bound)
    numbered = {key: (number, effect) for number, (key, effect) in enumerate(effects.items())}
    logged = {key: _log(number, effect) for key, (number, effect) in numbered.items()}
    body = [Replacing(logged).replaced(statement) for statement in body]
    chosen = tuple(effects.values())
    temporaries, why = _temporaries(loop, body, chosen)
    return ForPlan(why, tuple(body), chosen, temporaries, tuple(sorted(_called(body) - bound)))


def _called(body: Sequence[ast.stmt]) -> set[str]:
    """Return the names with which method calls begin whose results are dropped."""
    found = set()
    for node, _ in _own_nodes(body):
        match node:
            case ast.Expr(ast.Call(func=ast.Attribute() as path)):
                root: ast.expr = path
                while isinstance(root, ast.Attribute | ast.Subscript | ast.Call):
                    root = root.func if isinstance(root, ast.Call) else root.value
                if isinstance(root, ast.Name) and root.id != BATCH:
                    found.add(root.id)
    return found


def _log(number: int, effect: Effect) -> ast.stmt:
    log = ast.Attribute(ast.Name(BATCH, ast.Load()), "log", ast.Load())
    call = ast.Call(log, [ast.Constant(number), *effect.operands], [])
    statement = ast.Expr(call)
    for part in (log, log.value, call, call.args[0], statement):
        ast.copy_location(part, effect.statement)
    return statement


def _bound(target: ast.expr, body: Sequence[ast.stmt]) -> frozenset[str]:
    """Return the names that the body binds, those left out that it only adds to."""
    bare: list[ast.stmt] = [_WithoutAdding().visit(copy.deepcopy(each)) for each in body]
    return find_names(_module([_bind(target), *bare])).binds


class _WithoutAdding(ast.NodeTransformer):
    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        if isinstance(node.target, ast.Name):
            return ast.copy_location(ast.Expr(node.value), node)
        return node


def _bind(target: ast.expr) -> ast.stmt:
    return ast.copy_location(
        ast.Assign([target], ast.copy_location(ast.Tuple([], ast.Load()), target)), target
    )


def _module(statements: Sequence[ast.stmt]) -> ast.Module:
    return ast.Module(list(statements), [])


def _temporaries(
    loop: ast.For, body: Sequence[ast.stmt], effects: Sequence[Effect]
) -> tuple[Temporaries, tuple[int, str] | None]:
    statements = [_bind(loop.target), *body]
    names = find_names(_module(statements))
    own = names.binds
    everything = ast.Tuple([ast.Name(name, ast.Load()) for name in sorted(own)], ast.Load())
    at_the_end = find_names(_module([*statements, ast.Expr(everything)])).reads
    if any(isinstance(node, ast.Continue) and not inner for node, inner in _own_nodes(body)):
        # An iteration may end anywhere: only the loop's targets are certain.
        at_the_end = own - find_names(_module([_bind(loop.target)])).binds
    temporaries = Temporaries(
        tuple(sorted(own)), (at_the_end & own) - names.reads, names.deletes & own
    )
    if private := [n for n in sorted(own) if n.startswith("__") and not n.endswith("__")]:
        return temporaries, (loop.lineno, f"binds the private name {private[0]!r}")
    if carried := sorted(names.reads & own):
        line = _line_of(loop, carried[0])
        return temporaries, (line, f"reads {carried[0]!r} of the iteration before")
    changed = {effect.receiver.root for effect in effects}
    if read := sorted(changed & (names.reads - {BATCH})):
        line = _line_of(loop, read[0])
        return temporaries, (line, f"reads {read[0]!r}, which the loop changes")
    return temporaries, None


def _line_of(loop: ast.For, name: str) -> int:
    lines = (
        node.lineno
        for statement in loop.body
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
    )
    return next(lines, loop.lineno)


def _leaves_early(body: Sequence[ast.stmt]) -> tuple[int, str] | None:
    """Say what makes the iterations' number or order matter; None if nothing does."""
    for node, is_inner_loop in _own_nodes(body):
        what = None
        match node:
            case ast.Break() if not is_inner_loop:
                what = "'break' may end it early"
            case ast.Return():
                what = "'return' may end it early"
            case ast.Yield() | ast.YieldFrom() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
                what = "waits with 'await' or 'yield'"
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                what = f"defines {node.name!r}"
            case ast.Global() | ast.Nonlocal():
                what = "declares names as global"
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                what = "imports '*'"
        if what is not None:
            return getattr(node, "lineno", 0), what
    return None


def _own_nodes(
    nodes: Sequence[ast.AST], *, is_inner_loop: bool = False
) -> Iterator[tuple[ast.AST, bool]]:
    """Yield the nodes of a body outside nested scopes; whether they are in a loop inside it."""
    for node in nodes:
        yield node, is_inner_loop
        if isinstance(node, _NESTED):
            continue
        if isinstance(node, ast.For | ast.While):
            inside = list(ast.iter_child_nodes(node))
            after = node.orelse
            yield from _own_nodes([n for n in inside if n not in after], is_inner_loop=True)
            yield from _own_nodes(after, is_inner_loop=is_inner_loop)
        else:
            yield from _own_nodes(list(ast.iter_child_nodes(node)), is_inner_loop=is_inner_loop)
