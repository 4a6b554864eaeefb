"""Quotes: chunks of a parcel's buffers that do not travel, because the receiver has their bytes.

The sender knows of every array and frame that both sides have which chunks it had when both were
last equal; of these it names the digest only. The receiver looks for the digest in what *it* knows
of its own objects, under whatever name, and copies the bytes out. It verifies each copy, for its
object may have changed since: what it does not find, it asks for. A chunk that a parcel has twice
travels once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_scale.shipping.fingerprint import (
    OBSERVED_BYTES,
    Digest,
    LeafDigests,
    chunk_spans,
    digest_chunk,
)
from jupyter_scale.shipping.leaves import Leaf
from jupyter_scale.shipping.snapshot import leaf_of
from jupyter_scale.shipping.tokens import Entry, TokenTable

#: Smaller buffers travel: finding their bytes again would take longer.
QUOTED_BYTES = 64 * 1024

#: The number of a buffer in a parcel, where a chunk in it begins, and where it ends.
Place = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Quote:
    """One chunk that does not travel: where it belongs, and its digest or its first place."""

    place: Place
    source: Digest | Place


@dataclass(frozen=True, slots=True)
class Hashed:
    """The digests of a buffer's chunks; `row` as for `chunk_spans`."""

    buffer: int
    row: int
    digests: tuple[Digest, ...]


def travelling_spans(sizes: Sequence[int], quotes: Iterable[Quote]) -> list[list[tuple[int, int]]]:
    """Return for every buffer where what does travel begins and ends."""
    quoted: list[list[tuple[int, int]]] = [[] for _ in sizes]
    for quote in quotes:
        buffer, start, end = quote.place
        quoted[buffer].append((start, end))
    return [list(_rest(size, chunks)) for size, chunks in zip(sizes, quoted, strict=True)]


def _rest(nbytes: int, quoted: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    start = 0
    for begin, end in sorted(quoted):
        if start < begin:
            yield start, begin
        start = end
    if start < nbytes:
        yield start, nbytes


# -- the sender ------------------------------------------------------------------------------


class Catalogue:
    """The digests of buffers in a parcel, as they were computed when its names were looked at."""

    def __init__(self) -> None:
        self._chunks: dict[tuple[int, int], list[tuple[tuple[int, int], Digest]]] = {}
        self._rows: dict[tuple[int, int], int] = {}

    def add(self, buffer: memoryview, digests: Sequence[Digest], row: int = 0) -> None:
        """Note the digests of a buffer's chunks."""
        if buffer.nbytes >= QUOTED_BYTES:
            spans = chunk_spans(buffer.nbytes, row)
            if len(spans) == len(digests):
                place = _memory(buffer)
                self._chunks[place] = list(zip(spans, digests, strict=True))
                self._rows[place] = row

    def add_leaf(self, leaf: Leaf, digests: LeafDigests) -> None:
        """Note the digests of an array's or frame's buffers, if it still has the same form."""
        if digests[0] == (leaf.key,) and len(digests) == len(leaf.buffers) + 1:
            for buffer, chunks, row in zip(leaf.buffers, digests[1:], leaf.rows, strict=True):
                self.add(buffer, chunks, row)

    def digests_of(self, buffers: Sequence[memoryview]) -> Iterator[Hashed]:
        """Yield what is known of large buffers: the receiver need not compute it again."""
        if not self._chunks:
            return
        for number, buffer in enumerate(buffers):
            place = _memory(buffer) if buffer.nbytes >= OBSERVED_BYTES else None
            if place in self._chunks:
                digests = tuple(digest for _, digest in self._chunks[place])
                yield Hashed(number, self._rows[place], digests)

    def find_quotes(
        self, buffers: Sequence[memoryview], held: Callable[[], Collection[Digest]]
    ) -> tuple[Quote, ...]:
        """Return what of `buffers` need not travel.

        Parameters
        ----------
        held
            Returns what the receiver has; asked only if that may matter.
        """
        if not self._chunks:
            return ()
        there = held()
        first: dict[Digest, Place] = {}
        quotes = []
        for number, buffer in enumerate(buffers):
            if buffer.nbytes < QUOTED_BYTES:
                continue
            for (start, end), digest in self._chunks.get(_memory(buffer), ()):
                place = number, start, end
                if digest in first:
                    quotes.append(Quote(place, first[digest]))
                    continue
                first[digest] = place
                if digest in there:
                    quotes.append(Quote(place, digest))
        return tuple(quotes)


def _memory(buffer: memoryview) -> tuple[int, int]:
    # Arrays and frames with buffers: numpy is there.
    array = sys.modules["numpy"].frombuffer(buffer, dtype="uint8")
    return array.__array_interface__["data"][0], array.nbytes


def digests_in(entries: Iterable[Entry]) -> Iterator[Digest]:
    """Return the digests of all chunks of known arrays and frames."""
    for entry in entries:
        for digests in (entry.digests or ())[1:]:
            yield from digests


# -- the receiver ----------------------------------------------------------------------------


@dataclass(slots=True)
class _Sources:
    """Finds chunks in the objects that this side has."""

    table: TokenTable
    places: dict[Digest, list[tuple[Entry, int, int]]]
    leaves: dict[int, Leaf | None] = field(default_factory=dict)
    #: Of each buffer of each object its memory, and where the chunks are in it.
    cut: dict[tuple[int, int], tuple[memoryview, list[tuple[int, int]]]] = field(
        default_factory=dict
    )

    def copy(self, digest: Digest, target: memoryview) -> bool:
        """Copy the chunk with this digest; False if nothing here holds it any more."""
        for entry, number, chunk in self.places.get(digest, ()):
            source = self._chunk(entry, number, chunk)
            if source is not None and source.nbytes == target.nbytes:
                target[:] = source
                if digest_chunk(target) == digest:
                    return True
        return False

    def _chunk(self, entry: Entry, number: int, chunk: int) -> memoryview | None:
        if entry.token not in self.leaves:
            try:
                self.leaves[entry.token] = leaf_of(entry.obj, self.table)
            except Exception:  # noqa: BLE001 - it holds by now what cannot travel
                self.leaves[entry.token] = None
        leaf = self.leaves[entry.token]
        if leaf is None or number >= len(leaf.buffers):
            return None
        place = entry.token, number
        if place not in self.cut:
            flat = leaf.buffers[number].cast("B")
            self.cut[place] = flat, chunk_spans(flat.nbytes, leaf.rows[number])
        flat, spans = self.cut[place]
        return flat[slice(*spans[chunk])] if chunk < len(spans) else None


def fill(quotes: Sequence[Quote], buffers: Sequence[memoryview], table: TokenTable) -> list[Digest]:
    """Write quoted chunks into a parcel's buffers; return the digests of missing ones."""
    wanted = {quote.source for quote in quotes if isinstance(quote.source, bytes)}
    sources = _Sources(table, _find_places(wanted, table.entries()) if wanted else {})
    missing = []
    for quote in quotes:
        target = _chunk(buffers, quote.place)
        if not isinstance(quote.source, bytes):
            target[:] = _chunk(buffers, quote.source)
        elif not sources.copy(quote.source, target):
            missing.append(quote.source)
    return missing


def _chunk(buffers: Sequence[memoryview], place: Place) -> memoryview:
    number, start, end = place
    return buffers[number][start:end]


def _find_places(
    wanted: Collection[Any], entries: Iterable[Entry]
) -> dict[Digest, list[tuple[Entry, int, int]]]:
    places: dict[Digest, list[tuple[Entry, int, int]]] = {}
    for entry in entries:
        for number, digests in enumerate((entry.digests or ())[1:]):
            for chunk, digest in enumerate(digests):
                if digest in wanted:
                    places.setdefault(digest, []).append((entry, number, chunk))
    return places
