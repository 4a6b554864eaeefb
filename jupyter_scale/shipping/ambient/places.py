"""Objects that are reached through a process-wide place instead of a name of the notebook.

They travel in the same parcels as names do, under the names of their places. So an object that
has a name too is still one object, and a change inside travels as a patch.
"""

from __future__ import annotations

import contextlib
import functools
import types
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_scale.errors import CannotTravel, ValueLost

if TYPE_CHECKING:
    from jupyter_scale.shipping.fingerprint import DigestCache
    from jupyter_scale.shipping.replica import Replica
    from jupyter_scale.shipping.snapshot import Snapshot

_PREFIX = "ambient: "
_ATOMS = (type(None), bool, int, float, complex, str, bytes)


class Keeper(Protocol):
    """Places of one kind.

    Attributes
    ----------
    kind
        One word.
    """

    kind: str

    def read(self) -> Mapping[str, Any]:
        """Return ``place → object``, those that wait for a library included."""

    def put(self, place: str, value: Any) -> None:
        """Put an object there, now or as soon as the library is imported."""

    def drop(self, place: str) -> None:
        """Leave nothing there."""


def is_place(name: str) -> bool:
    """Tell whether a parcel's name is that of a place."""
    return name.startswith(_PREFIX)


def describe(name: str) -> str:
    """Return a place as a user would write it."""
    kind, _, place = name.removeprefix(_PREFIX).partition(" ")
    dotted = place.replace("!", "").replace(":", ".")
    return f"'{dotted}'" if kind in {"module", "attribute"} else f"the {kind} '{dotted}'"


def is_of_output(name: str) -> bool:
    """Tell whether a place is of no use in a process that shows nothing: a worker."""
    return name.startswith((f"{_PREFIX}formatter ", f"{_PREFIX}handlers "))


class Places:
    """All places of one process, by the names that they have in parcels."""

    def __init__(self, keepers: Iterable[Keeper]) -> None:
        self._keepers = {keeper.kind: keeper for keeper in keepers}
        self._refused: dict[str, Any] = {}

    def read(self) -> dict[str, Any]:
        """Return ``name → object``."""
        return {
            f"{_PREFIX}{kind} {place}": value
            for kind, keeper in self._keepers.items()
            for place, value in keeper.read().items()
        }

    def look(
        self, replica: Replica, cache: DigestCache, *, all_of_them: bool = False
    ) -> dict[str, Snapshot]:
        """Take a snapshot of every object but those that cannot have changed since they travelled.

        One that cannot travel stays where it is, and is not tried again.
        """
        snapshots: dict[str, Snapshot] = {}
        for name, value in self.read().items():
            record = replica.records.get(name)
            is_known = record is not None and record.root is value
            if is_known and not all_of_them and is_constant(value):
                continue
            if name in self._refused and self._refused[name] is value:
                continue
            try:
                snapshots[name] = replica.look_at(name, value, cache)
            except (CannotTravel, ValueLost):
                self._refused[name] = value
        return snapshots

    def gone(self, known: Iterable[str]) -> list[str]:
        """Return the places among `known` names that hold nothing any more."""
        places = list(filter(is_place, known))
        if not places:
            return []
        now = self.read()
        return [name for name in places if name not in now]

    def put(self, name: str, value: Any) -> None:
        """Put an object in its place."""
        keeper, place = self._find(name)
        keeper.put(place, value)

    def drop(self, name: str) -> None:
        """Leave nothing in a place."""
        keeper, place = self._find(name)
        keeper.drop(place)

    def take_from(self, namespace: dict[str, Any], names: Iterable[str]) -> None:
        """Put what a parcel bound in a namespace where it belongs, containers before their items.

        A place that refuses its object, a property perhaps, is left as it is.
        """
        for name in sorted(filter(is_place, names)):
            if name in namespace:
                value = namespace.pop(name)
                try:
                    self.put(name, value)
                except Exception:  # noqa: BLE001 - assigning runs a library's code
                    self._refused[name] = value

    def refuse(self, name: str) -> None:
        """Leave an object where it is: the other side cannot rebuild it."""
        self._refused[name] = self.read().get(name)

    def drop_all(self, names: Iterable[str]) -> None:
        """Leave nothing in those of `names` that are places."""
        for name in sorted(filter(is_place, names), reverse=True):
            with contextlib.suppress(Exception):  # as for `take_from`
                self.drop(name)

    def _find(self, name: str) -> tuple[Keeper, str]:
        kind, _, place = name.removeprefix(_PREFIX).partition(" ")
        return self._keepers[kind], place


def is_constant(value: Any) -> bool:
    """Tell whether an object that is still the same one cannot have changed inside."""
    kind = type(value)
    if kind in _ATOMS or isinstance(value, (types.BuiltinFunctionType, types.ModuleType)):
        return True
    if kind in (tuple, frozenset):
        return len(value) < 100 and all(map(is_constant, value))  # noqa: PLR2004 - cheap to look at
    if kind is types.FunctionType:
        return bool(value.__module__ != "__main__" and value.__closure__ is None)
    if kind is functools.partial:
        return all(map(is_constant, (value.func, value.args, *value.keywords.values())))
    return kind is type and value.__module__ != "__main__"
