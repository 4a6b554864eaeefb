"""One part of the ambient state, and what changed of it. The comparison is pure.

A part's value is plain: it can be pickled, compared with ``==``, and means the same in any process.
``read`` runs before and after every cell, so parts look for a change in the cheapest way that they
have, and return the *same* object as the last time when there was none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

#: Stands for a part whose library has not been imported.
ABSENT: Any = None


class Part(Protocol):
    """Something process-wide that is kept the same in two processes.

    Attributes
    ----------
    name
        Its name on the wire.
    library
        The module without which there is nothing to read or to set; empty for the interpreter
        itself. Nothing is ever imported for a part's sake.
    has_defaults
        Whether each import of the library gives the same value, so that this is no change.
    """

    name: str
    library: str
    has_defaults: bool

    def read(self) -> Any:
        """Return the value; a mapping when its entries are to travel one by one."""

    def apply(self, change: Any) -> None:
        """Set the value; for a mapping, a `Delta`."""


@dataclass(frozen=True, slots=True)
class Delta:
    """How one mapping becomes another."""

    set: Mapping[Any, Any]
    unset: tuple[Any, ...] = ()

    def applied_to(self, mapping: Mapping[Any, Any]) -> dict[Any, Any]:
        """Return what a mapping becomes."""
        return {k: v for k, v in {**mapping, **self.set}.items() if k not in self.unset}

    def then(self, later: Delta) -> Delta:
        """Return both steps as one."""
        kept = {key: value for key, value in self.set.items() if key not in later.unset}
        unset = [key for key in self.unset if key not in later.set]
        return Delta({**kept, **later.set}, tuple(dict.fromkeys([*unset, *later.unset])))


def difference(before: Any, now: Any) -> Any:
    """Return what turns one value of a part into another, `ABSENT` when they are equal."""
    if before is now:
        return ABSENT
    if not isinstance(now, dict):
        return ABSENT if now == before else now
    if before == now:
        return ABSENT
    before = before or {}
    missing = object()
    changed = {k: v for k, v in now.items() if not _is_same(before.get(k, missing), v)}
    unset = tuple(key for key in before if key not in now)
    return Delta(changed, unset) if changed or unset else ABSENT


def _is_same(one: Any, other: Any) -> bool:
    return one is other or bool(one == other)
