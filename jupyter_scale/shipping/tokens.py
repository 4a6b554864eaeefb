"""Tokens: the shared names of mutable objects that both namespaces hold.

After one dump and its one load, the pickler's and the unpickler's memo name the same objects by the
same index. Pairs that both sides keep get a token, by which later streams refer to them.
"""

from __future__ import annotations

import types
import weakref
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from jupyter_scale.shipping.fingerprint import Digest
from jupyter_scale.shipping.functions import PlainFunctions
from jupyter_scale.shipping.states import adapter_for

Token = int
#: Never known by a token.
IMMUTABLE = frozenset({str, bytes, int, float, complex, tuple, frozenset, types.CodeType})
_INDEX_BITS = 40


def make_token(parcel: int, index: int) -> Token:
    """Return the token of memo index `index` in parcel number `parcel` (signed by direction)."""
    return (parcel << _INDEX_BITS) | index


class Entry:
    """One known object: weakly referenced where its type allows, else strongly."""

    __slots__ = ("__weakref__", "_strong", "_weak", "digests", "token")

    def __init__(self, token: Token, obj: Any, *, weak: bool) -> None:
        self.token = token
        self._weak = weakref.ref(obj) if weak else None
        self._strong = None if weak else obj
        #: For leaves: the chunk digests of every buffer when both sides were last equal.
        self.digests: tuple[tuple[Digest, ...], ...] | None = None

    @property
    def obj(self) -> Any:
        """The object, or None if it is gone."""
        return self._strong if self._weak is None else self._weak()


class Staying(Protocol):
    """Values that stay on the cluster, as one side knows them: there as themselves, here not."""

    def __len__(self) -> int:
        """Return 0 when no object can have a key."""

    def key_of(self, obj: object) -> str | None:
        """Return the key by which an object has to travel, None if it travels as itself."""

    def resolve(self, key: str) -> Any:
        """Return what this side has for a key."""


class TokenTable:
    """Known objects of one side, by identity and by token.

    The table itself keeps no entry alive: the records of names do.
    """

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace
        #: Snapshots of functions that need not be taken again.
        self.functions = PlainFunctions(namespace)
        #: Values that never leave the cluster, if this is a side that has such.
        self.staying: Staying | None = None
        #: Whether a tensor goes without the computation that made it; else it does not go at all.
        self.cuts_graphs = False
        self._by_id: weakref.WeakValueDictionary[int, Entry] = weakref.WeakValueDictionary()
        self._by_token: weakref.WeakValueDictionary[Token, Entry] = weakref.WeakValueDictionary()

    def find(self, obj: Any) -> Entry | None:
        """Return the entry of `obj`, if both sides know it."""
        entry = self._by_id.get(id(obj))
        return entry if entry is not None and entry.obj is obj else None

    def lookup(self, token: Token) -> Any:
        """Return the object of a token, or None."""
        entry = self._by_token.get(token)
        return None if entry is None else entry.obj

    def add(self, token: Token, obj: Any) -> Entry:
        """Make `obj` known as `token`; the caller keeps the entry alive."""
        adapter = adapter_for(obj)
        entry = Entry(token, obj, weak=adapter is not None and adapter.weak)
        self._by_id[id(obj)] = entry
        self._by_token[token] = entry
        return entry

    def forget(self, tokens: Iterable[Token]) -> None:
        """Drop tokens that the other side turned out not to know."""
        for token in tokens:
            entry = self._by_token.pop(token, None)
            if entry is not None and self._by_id.get(id(entry.obj)) is entry:
                del self._by_id[id(entry.obj)]

    def entries(self) -> list[Entry]:
        """Return all that is known."""
        return list(self._by_token.values())

    def clear(self) -> None:
        """Forget everything."""
        self._by_id.clear()
        self._by_token.clear()

    def __len__(self) -> int:
        """Return how many objects are known."""
        return len(self._by_token)

    def is_tracked(self, obj: Any) -> bool:
        """Tell whether `obj` is mutable, and mutable in place from outside."""
        if obj is self.namespace:
            return False
        if type(obj) is types.FunctionType:
            return obj.__globals__ is self.namespace
        return adapter_for(obj) is not None

    def tracked(self, memo: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
        """Keep the pairs ``(memo index, object)`` whose object is tracked, in memo order."""
        # Most of a long memo is text and numbers; asking for each would cost more than the dump.
        mutable = [pair for pair in memo if type(pair[1]) not in IMMUTABLE]
        for index, obj in sorted(mutable, key=lambda pair: pair[0]):
            if self.is_tracked(obj):
                yield index, obj
