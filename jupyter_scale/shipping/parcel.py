"""Parcels: what one side packs and the other unpacks, and the two token-aware picklers.

A parcel is one stream of several pickles that share a memo, in this order: the value of every name
in `Parcel.names` (definitions first), then the content of every object in `Parcel.patches`, then
how to rebuild sets so that they iterate as they did.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_scale.shipping.fingerprint import Digest
from jupyter_scale.shipping.pickler import Pickler
from jupyter_scale.shipping.quotes import Hashed, Quote, travelling_spans
from jupyter_scale.shipping.tokens import IMMUTABLE, Entry, Token, TokenTable


@dataclass(frozen=True, slots=True)
class Parcel:
    """What travels in one direction at one time.

    Attributes
    ----------
    number
        Its number, unique within a session: even from the notebook, odd from the cluster.
    names
        Names to bind, in the order of their pickles.
    patches
        Tokens of known objects whose content follows the names.
    deletes
        Names that no longer exist.
    stream, buffers
        The pickles, and their out-of-band memory.
    quotes
        What of that memory the receiver copies from what it has already.
    hashed
        Digests of that memory, as far as they are known.
    """

    number: int
    names: tuple[str, ...]
    patches: tuple[Token, ...]
    deletes: tuple[str, ...]
    stream: bytes
    buffers: tuple[memoryview, ...]
    quotes: tuple[Quote, ...] = ()
    hashed: tuple[Hashed, ...] = ()

    @property
    def nbytes(self) -> int:
        """Bytes that have to travel."""
        spans = travelling_spans([buffer.nbytes for buffer in self.buffers], self.quotes)
        return len(self.stream) + sum(end - start for parts in spans for start, end in parts)


#: Begins what stands in a stream for a value that stays on the cluster.
STAYS = "stays:"


class UnknownTokensError(Exception):
    """A parcel names objects, or chunks of memory, that this side does not have (any more)."""

    def __init__(self, tokens: Sequence[Token], chunks: Sequence[Digest] = ()) -> None:
        super().__init__(f"unknown objects: {list(tokens)}, and {len(chunks)} chunks")
        self.tokens = tuple(tokens)
        self.chunks = tuple(chunks)


class TokenPickler(Pickler):
    """Writes known objects as tokens and remembers which ones it met."""

    def __init__(self, file: Any, table: TokenTable, anew: Collection[Token]) -> None:
        super().__init__(file, table.namespace)
        self._table = table
        self._staying = table.staying or None
        self.cuts_graphs = table.cuts_graphs
        self.anew = anew
        self._met: set[Token] = set()
        #: Known objects met and not yet looked into.
        self.pending: deque[tuple[Entry, Any]] = deque()

    def persistent_id(self, obj: Any) -> Token | str | None:
        """Return the token of a known object, None for what travels by value."""
        if type(obj) in IMMUTABLE:  # most of what a large collection holds
            return None
        if self._staying is not None and (key := self._staying.key_of(obj)) is not None:
            return STAYS + key
        entry = self._table.find(obj)
        if entry is None:
            return "namespace" if obj is self._table.namespace else None
        token = entry.token
        if token in self.anew:
            return None
        self.meet([(entry, obj)])
        return token

    def meet(self, known: Iterable[tuple[Entry, Any]]) -> None:
        """Remember known objects to look into, each once."""
        for entry, obj in known:
            if entry.token not in self._met:
                self._met.add(entry.token)
                self.pending.append((entry, obj))
                self.meet(self._known_classes(obj))

    def _known_classes(self, obj: Any) -> Iterator[tuple[Entry, Any]]:
        """Yield what an object's state does not show: the notebook's classes above it."""
        above = (type(obj), *obj.__mro__[1:]) if isinstance(obj, type) else (type(obj),)
        for cls in above:
            if cls.__module__ == "__main__" and (entry := self._table.find(cls)) is not None:
                yield entry, cls


class TokenUnpickler(pickle.Unpickler):
    """Reads tokens back as this side's own objects."""

    def __init__(self, file: Any, buffers: Sequence[memoryview], table: TokenTable) -> None:
        super().__init__(file, buffers=buffers)
        self._table = table

    def persistent_load(self, pid: Any) -> Any:
        """Return the object of a token; an unknown one ends the load."""
        if pid == "namespace":
            return self._table.namespace
        if isinstance(pid, str) and self._table.staying is not None:
            return self._table.staying.resolve(pid.removeprefix(STAYS))
        obj = self._table.lookup(pid)
        if obj is None:
            raise UnknownTokensError([pid])
        return obj
