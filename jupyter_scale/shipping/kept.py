"""Values that stay where they were made: a generator, a connection, an open file."""

from __future__ import annotations

import itertools
from typing import Any

_kept: dict[str, Any] = {}
_stand_ins: dict[str, RemoteValue] = {}
_numbers = itertools.count(1)


class RemoteValue:
    """Stands in the notebook for a value that stays on the cluster.

    Later ``%%scale`` cells use it under its name as if it were here.

    Attributes
    ----------
    name : str
        The name that the cell gave it.
    type_name : str
        Its type over there.
    why : str
        Why it did not travel.
    """

    def __init__(self, key: str, name: str, type_name: str, why: str) -> None:
        self._key = key
        self.name, self.type_name, self.why = name, type_name, why

    def __repr__(self) -> str:
        """Say what it is and how to use it."""
        return f"<{self.name}: a {self.type_name} on the cluster; use it in a %%scale cell>"

    def __reduce__(self) -> Any:
        """Become the value itself again where it lives."""
        return _resolve, (self._key, self.name, self.type_name, self.why)


def keep(name: str, value: Any, why: str) -> RemoteValue:
    """Keep a value in this process and return what travels instead (the same one each time)."""
    for key, other in _kept.items():
        if other is value:
            return _stand_ins[key]
    key = f"{next(_numbers)}"
    _kept[key] = value
    _stand_ins[key] = RemoteValue(key, name, type(value).__qualname__, why)
    return _stand_ins[key]


def _resolve(key: str, name: str, type_name: str, why: str) -> Any:
    if key in _kept:
        return _kept[key]
    return RemoteValue(key, name, type_name, why)


def forget_all() -> None:
    """Let go of everything that was kept."""
    _kept.clear()
    _stand_ins.clear()
