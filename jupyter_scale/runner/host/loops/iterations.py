"""What rewritten loops find where they run: their items, a log of effects, a few functions."""

from __future__ import annotations

import builtins
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_scale.analysis.forloops import BATCH
from jupyter_scale.analysis.rewrite import ASLEEP, HASHED, PAIR

#: The name of what loops are handed to.
ENTRY = "__scale_spread__"

_COPIED = (list, dict, set, bytearray, deque)
_COPIED_MODULES = ("numpy", "pandas")


@dataclass(frozen=True, slots=True)
class Protocol:
    """How the effects of a loop are logged.

    Attributes
    ----------
    copied
        Numbers of effects that take the content of their operands: those are copied at once, or
        what the iteration does to them later would show.
    hashed
        ``number → operand`` that must have a hash: the iteration would catch the failure.
    """

    copied: frozenset[int] = frozenset()
    hashed: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Logged:
    """What the iterations of one batch want done.

    Attributes
    ----------
    effects
        ``(number, operands)`` in their order.
    starts
        Of each iteration, where its effects and its output begin.
    values
        What the names that iterations bind hold at the end.
    """

    effects: list[tuple[int, tuple[Any, ...]]]
    starts: list[tuple[int, int]]
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Values:
    """What the iterations of one batch gave.

    Attributes
    ----------
    values
        The values.
    marks
        Where they may be wanted one by one: how many items had been taken, and how much had been
        written, when each was there.
    """

    values: list[Any]
    marks: list[tuple[int, int]] = field(default_factory=list)


def is_of_notebook(value: Any) -> bool:
    """Tell whether comparing, adding or hashing a value may run the notebook's code."""
    if isinstance(value, tuple | frozenset):
        return any(map(is_of_notebook, value))
    return type(value).__module__ == "__main__"


class Counted:
    """Items, and how many of them were taken."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = items
        self.count, self.is_done = 0, False

    def __iter__(self) -> Iterator[Any]:
        for item in self._items:
            self.count += 1
            yield item
        self.is_done = True


class Batch:
    """The items of one batch, as the loop's body sees them.

    Parameters
    ----------
    items
        The items.
    protocol
        How effects are logged.
    output
        What the iterations write, as far as they have.
    """

    def __init__(self, items: Iterable[Any], protocol: Protocol, output: Sequence[Any]) -> None:
        self._items, self._protocol, self._output = items, protocol, output
        self._effects: list[tuple[int, tuple[Any, ...]]] = []
        self._starts: list[tuple[int, int]] = []
        self._values: dict[str, Any] = {}

    def __iter__(self) -> Iterator[Any]:
        for item in self._items:
            self._starts.append((len(self._effects), len(self._output)))
            yield item

    def log(self, number: int, *operands: Any) -> None:
        """Note an effect."""
        if number in self._protocol.hashed:
            hash(operands[self._protocol.hashed[number]])
        if number in self._protocol.copied:
            operands = tuple(map(_copied, operands))
        self._effects.append((number, operands))

    def end(self) -> None:
        """Note what the caller's names hold."""
        self._values = {n: v for n, v in sys._getframe(1).f_locals.items() if n != BATCH}  # noqa: SLF001

    def logged(self, names: Collection[str]) -> Logged:
        """Return everything, and of the values those of `names`."""
        values = {name: value for name, value in self._values.items() if name in names}
        return Logged(self._effects, self._starts, values)


def install(entry: Callable[..., Any]) -> None:
    """Give rewritten code what it calls: where loops are handed to, and what checks elements."""
    own = {ENTRY: entry, HASHED: _hashed, PAIR: _pair, ASLEEP: asleep}
    builtins.__dict__.update(own)


#: Sites of loops that are left alone: short ones that run often.
asleep: set[str] = set()


def run_in_order(
    function: Callable[[Iterable[Any]], Iterable[Any]],
    iterable: Iterable[Any],
    place: tuple[Any, ...],
    *_flat: object,
) -> Any:
    """Run a loop that was handed over where nobody spreads loops."""
    _, kind, _, details, _ = place
    return finished(kind, function(iterable)) if details is None else iterable


def finished(kind: str, values: Iterable[Any]) -> Any:
    """Return what a comprehension gives, made of its elements."""
    if kind == "list comprehension":
        return values if isinstance(values, list) else list(values)
    if kind == "set comprehension":
        return set(values)
    if kind == "dict comprehension":
        return dict(values)
    return values


def _hashed(value: Any) -> Any:
    """Return an element of a set comprehension; fail where the set would."""
    if type(value).__hash__ is None:
        hash(value)
    return value


def _pair(key: Any, value: Any) -> tuple[Any, Any]:
    """Return key and value of a dict comprehension; fail where the dictionary would."""
    return _hashed(key), value


def _copied(value: Any) -> Any:
    kind = type(value)
    if kind in _COPIED or kind.__module__.partition(".")[0] in _COPIED_MODULES:
        return value.copy() if hasattr(value, "copy") else value
    return value
