"""Effects of ``for`` loops: which receivers are known, which effects may fail, what is logged."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_scale.analysis.effects import Receiver
from jupyter_scale.analysis.forloops import plan_for
from jupyter_scale.analysis.magics import parse_python
from jupyter_scale.runner.host.loops.iterations import Batch, Logged, Protocol
from jupyter_scale.runner.host.loops.receivers import UnknownReceiverError, find_targets
from jupyter_scale.runner.host.loops.risks import arrange


class Own(dict[str, int]):
    """A type of the notebook's."""


class Plain:
    """An object with attributes."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.n = 0

    @property
    def shown(self) -> int:
        """A property: setting it could run anything."""
        return self.n


def receivers_of(statement: str) -> tuple[Receiver, ...]:
    """Return what the effects of a loop's body change."""
    body = statement.replace("\n", "\n    ")
    [loop] = parse_python(f"for x in xs:\n    {body}").body
    plan = plan_for(loop)  # type: ignore[arg-type]
    return tuple(effect.receiver for effect in plan.effects)


KNOWN: list[tuple[str, Any]] = [
    ("o.append(f(x))", []),
    ("o.appendleft(f(x))", deque()),
    ("o.add(f(x))", set()),
    ("o.update(f(x))", Counter()),
    ("o[x] = f(x)", {}),
    ("o[x] = f(x)", [1]),
    ("o[x] = f(x)", np.zeros(3)),
    ("o[x, 1:] = f(x)", np.zeros((3, 3))),
    ("o.loc[x, 'c'] = f(x)", pd.DataFrame({"c": [1]})),
    ("o['c'] = f(x)", pd.DataFrame({"c": [1]})),
    ("o[x].append(f(x))", defaultdict(list)),
    ("o[x] += f(x)", {"a": 1}),
    ("o += f(x)", 0),
    ("o += f(x)", [1]),
    ("o += f(x)", np.zeros(3)),
    ("o.rows.append(f(x))", Plain()),
    ("o.n += f(x)", Plain()),
]
UNKNOWN: list[tuple[str, Any]] = [
    ("o.append(f(x))", object()),
    ("o[x] = f(x)", Own()),
    ("o[x].append(f(x))", {"a": Own()}),
    ("o[x].append(f(x))", defaultdict(Plain)),
    ("o[x] += f(x)", {"a": Plain()}),
    ("o += f(x)", Plain()),
    ("o.shown = f(x)", Plain()),
    ("o.x = f(x)", np),
    ("o.rows = f(x)", Plain),
    ("o[x] = f(x)", np.array([None])),
]


@pytest.mark.parametrize(("statement", "root"), KNOWN)
def test_known_receivers(statement: str, root: Any) -> None:
    targets = find_targets(receivers_of(statement), lambda: (root,))
    assert targets.names == {"o"}
    assert targets.rebound == ({"o"} if statement.startswith("o +=") else set())
    assert targets.objects


@pytest.mark.parametrize(("statement", "root"), UNKNOWN)
def test_unknown_receivers(statement: str, root: Any) -> None:
    with pytest.raises(UnknownReceiverError, match="changes 'o'"):
        find_targets(receivers_of(statement), lambda: (root,))


def test_a_name_that_is_missing_is_said_by_the_loop_itself() -> None:
    def roots() -> tuple[Any, ...]:
        msg = "name 'o' is not defined"
        raise NameError(msg)

    with pytest.raises(UnknownReceiverError, match="not defined"):
        find_targets(receivers_of("o.append(f(x))"), roots)


@pytest.mark.parametrize(
    ("statement", "root", "expected"),
    [
        ("o.append(f(x))", [], False),
        ("o[x] = f(x)", {}, False),
        ("o.extend(f(x))", [], True),
        ("o += f(x)", 0, True),
        ("o[x] = f(x)", np.zeros(3), True),
    ],
)
def test_operands_whose_content_is_taken_are_copied(
    statement: str, root: Any, *, expected: bool
) -> None:
    targets = find_targets(receivers_of(statement), lambda: (root,))
    assert targets.protocol is not None
    assert (0 in targets.protocol.copied) is expected


def test_a_batch_logs_what_iterations_want() -> None:
    batch = Batch([1, 2], Protocol(copied=frozenset({0}), hashed={1: 0}), [])
    shared: list[int] = []
    for item in batch:
        shared.append(item)
        batch.log(0, shared)
        with pytest.raises(TypeError):
            batch.log(1, [item])
    last = item * 10
    batch.end()
    logged = batch.logged({"last", "missing"})
    assert logged.effects == [(0, ([1],)), (0, ([1, 2],))]
    assert logged.starts == [(0, 0), (1, 0)]
    assert logged == Logged(logged.effects, [(0, 0), (1, 0)], {"last": last})


SAFE = [
    ("o.append(f(x))", [], (1,)),
    ("o[x] = f(x)", {}, (1, "key")),
    ("o[x] = f(x)", [0, 0], (1, 1)),
    ("o[x] = f(x)", np.zeros(3), (1.5, 2)),
    ("o.at[x] = f(x)", pd.DataFrame({"c": [1.0]}), (1.5, (0, "c"))),
    ("o += f(x)", 1, (2.5,)),
    ("o.add(f(x))", set(), ("a",)),
]
RISKY = [
    ("o[x] = f(x)", {}, (1, [])),
    ("o[x] = f(x)", [0, 0], (1, 2)),
    ("o[x] = f(x)", np.zeros(3), (1.5, 3)),
    ("o[x] = f(x)", np.zeros(3, int), (1.5, 2)),
    ("o[x] = f(x)", np.zeros(3), ("text", 2)),
    ("o.at[x] = f(x)", pd.DataFrame({"c": [1]}), (1.5, (0, "c"))),
    ("o.at[x] = f(x)", pd.DataFrame({"c": [1]}), (1, (7, "c"))),
    ("o[x].append(f(x))", {}, ("missing", 1)),
    ("o += f(x)", 1, ("text",)),
    ("o.add(f(x))", set(), ([],)),
    ("o.extend(f(x))", [], (5,)),
]


@pytest.mark.parametrize(
    ("statement", "root", "operands", "is_safe"),
    [*((*case, True) for case in SAFE), *((*case, False) for case in RISKY)],
)
def test_what_may_fail_comes_first(
    statement: str, root: Any, operands: tuple[Any, ...], *, is_safe: bool
) -> None:
    receivers = receivers_of(f"first.append(f(x))\n{statement}")
    effects = [(0, (1,)), (1, operands)]
    arranged = arrange(effects, receivers, ([], root))
    assert arranged == (effects if is_safe else effects[::-1])


def test_two_that_may_fail_are_left_to_the_iteration() -> None:
    receivers = receivers_of("a[x].append(f(x))\nb[x].append(f(x))")
    effects = [(0, ("k", 1)), (1, ("k", 1))]
    assert arrange(effects, receivers, ({}, {})) is None
    same = receivers_of("a.append(f(x))\na.extend(f(x))")
    assert arrange([(0, (1,)), (1, (5,))], same, ([], [])) is None
