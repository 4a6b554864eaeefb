"""The cluster's side of values that stay there: `--keep`, or a generator, an open file.

Whatever reaches such a value on its way home has its key in the value's place.
"""

from __future__ import annotations

import enum
import gc
import io
import itertools
import secrets
import types
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from jupyter_scale.model.remote import RemoteFacts
from jupyter_scale.shipping.pickler import Pickler

_MOST_OBJECTS = 200_000
_MOST_COLUMNS = 8
_SMALL_BYTES = 4096
_DEFINITIONS = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)
_NO_IDENTITY = (int, float, complex, type(None), type(...), enum.Enum)
_MAYBE_SHARED = (str, bytes, tuple, frozenset)


@dataclass(slots=True)
class _Entry:
    value: Any
    facts: RemoteFacts
    is_home: bool = False  # fetched: from then on it travels like any other value


class Kept:
    """Values that stay in this process; a `Staying` of the runner's replica."""

    def __init__(self) -> None:
        #: Of this process: keys begin with it.
        self.life = secrets.token_hex(4)
        self._numbers = itertools.count(1)
        self._entries: dict[str, _Entry] = {}
        self._by_id: dict[int, str] = {}
        self._going = ""

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._entries)

    @property
    def keys(self) -> list[str]:
        """Keys of all."""
        return list(self._entries)

    @property
    def facts(self) -> list[RemoteFacts]:
        """What is known of each that has not been fetched."""
        return [entry.facts for entry in self._entries.values() if not entry.is_home]

    def keep(
        self,
        name: str,
        value: Any,
        why: str,
        *,
        nbytes: int | None,
        can_travel: bool = True,
    ) -> str:
        """Keep a value from now on; return its key."""
        known = self.key_of(value)
        if known is not None:
            return known
        key = f"{self.life}-{next(self._numbers)}"
        facts = RemoteFacts(key, name, type_name_of(value), why, can_travel, nbytes)
        self._entries[key] = _Entry(value, describe(value, facts))
        self._by_id[id(value)] = key
        return key

    def key_of(self, obj: object) -> str | None:
        """Return the key by which an object has to travel, None if it travels as itself."""
        key = self._by_id.get(id(obj))
        return None if key is None or key == self._going or self._entries[key].is_home else key

    def resolve(self, key: str) -> Any:
        """Return the value of a key; a missing one raises KeyError."""
        return self._entries[key].value

    def missing(self, keys: Iterable[str]) -> list[str]:
        """Return those of `keys` whose values are not here."""
        return [key for key in keys if key not in self._entries]

    def retain_only(self, keys: Collection[str]) -> list[Any]:
        """Let go of all others; return the values of those that had not been fetched."""
        gone = [self._entries.pop(key) for key in set(self._entries) - set(keys)]
        for entry in gone:
            if self._by_id.get(id(entry.value)) not in self._entries:
                self._by_id.pop(id(entry.value), None)
        return [entry.value for entry in gone if not entry.is_home]

    @contextmanager
    def going_home(self, key: str) -> Iterator[None]:
        """Let one value be packed itself meanwhile."""
        self._going = key
        try:
            yield
        finally:
            self._going = ""

    def note_home(self, key: str) -> None:
        """Take note that the notebook has the value itself now."""
        if key in self._entries:
            self._entries[key].is_home = True

    def describe_again(
        self,
        keys: Iterable[str],
        namespace: dict[str, Any],
        seen_at_home: Mapping[str, Iterable[Any]],
    ) -> None:
        """Bring the facts of values up to date that a cell may have changed.

        Parameters
        ----------
        seen_at_home
            ``name → objects`` that the notebook has, too.
        """
        for key in keys:
            entry = self._entries.get(key)
            if entry is None or entry.is_home:
                continue
            inside = _ids_inside(entry.value, namespace)
            reaches = {
                n for n, found in seen_at_home.items() if any(id(o) in inside for o in found)
            }
            entry.facts = replace(
                describe(entry.value, entry.facts), reaches=tuple(sorted(reaches))
            )


def can_stay(value: object, nbytes: int | None) -> bool:
    """Tell whether a value can be told from all others, and is worth a stand-in."""
    if isinstance(value, (*_DEFINITIONS, *_NO_IDENTITY)):
        return False
    return not isinstance(value, _MAYBE_SHARED) or nbytes is None or nbytes > _SMALL_BYTES


def describe(value: Any, facts: RemoteFacts) -> RemoteFacts:
    """Return the facts with form and length as they are now. Never raises."""
    shape = _attribute(value, "shape")
    if not (isinstance(shape, tuple) and all(isinstance(size, int) for size in shape)):
        shape = None
    dtype = _attribute(value, "dtype") if shape is not None else None
    columns: tuple[str, ...] = ()
    if shape is not None and (found := _attribute(value, "columns")) is not None:
        columns = tuple(str(name) for name in itertools.islice(found, _MOST_COLUMNS))
    nbytes = _attribute(value, "nbytes")
    return replace(
        facts,
        shape=shape,
        dtype="" if dtype is None else str(dtype),
        columns=columns,
        length=_length(value),
        nbytes=nbytes if isinstance(nbytes, int) and facts.nbytes is not None else facts.nbytes,
    )


def _attribute(value: Any, name: str) -> Any:
    if type(value).__module__ == "__main__":
        return None  # a property of the notebook's own may do anything
    try:
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001 - whatever a library's property raises
        return None


def _length(value: Any) -> int | None:
    if type(value).__module__ == "__main__" or not hasattr(type(value), "__len__"):
        return None
    try:
        return len(value)
    except Exception:  # noqa: BLE001 - as that of a 0-d array
        return None


def type_name_of(value: object) -> str:
    """Return a value's type, with the module unless that is the notebook or ``builtins``."""
    kind = type(value)
    if kind.__module__ in {"builtins", "__main__"}:
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


class _Counter(io.RawIOBase):
    count = 0

    def write(self, data: Any) -> int:
        self.count += len(data)
        return len(data)


def measure(value: Any, namespace: dict[str, Any]) -> int | None:
    """Return a value's size as it would travel, without keeping the stream; None: it cannot."""
    counter = _Counter()
    pickler = Pickler(counter, namespace)
    try:
        pickler.dump(value)
    except Exception:  # noqa: BLE001 - whatever user code in __reduce__ raises
        return None
    return counter.count + sum(buffer.nbytes for buffer in pickler.buffers)


def _ids_inside(value: Any, namespace: dict[str, Any]) -> set[int]:
    """Return the ids of the objects that a value holds, as the garbage collector sees them."""
    seen: set[int] = {id(namespace)}
    todo = [value]
    while todo and len(seen) < _MOST_OBJECTS:
        for obj in gc.get_referents(todo.pop()):
            if id(obj) in seen or isinstance(obj, _DEFINITIONS):
                continue
            seen.add(id(obj))
            base = getattr(obj, "base", None) if type(obj).__module__ == "numpy" else None
            if base is not None:
                todo.append([base])
            todo.append(obj)
    return seen
