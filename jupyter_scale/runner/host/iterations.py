"""What the body of a spread ``for`` loop goes through: items, and a log of what it wants done."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_scale.analysis.forloops import BATCH

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


def _copied(value: Any) -> Any:
    kind = type(value)
    if kind in _COPIED or kind.__module__.partition(".")[0] in _COPIED_MODULES:
        return value.copy() if hasattr(value, "copy") else value
    return value
