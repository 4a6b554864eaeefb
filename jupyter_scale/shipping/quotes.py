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

from jupyter_scale.shipping.fingerprint import CHUNK_BYTES, Digest, LeafDigests, digest_chunk
from jupyter_scale.shipping.pickler import Leaf
from jupyter_scale.shipping.snapshot import leaf_of
from jupyter_scale.shipping.tokens import Entry, TokenTable

#: Smaller buffers travel: finding their bytes again would take longer.
QUOTED_BYTES = 64 * 1024

#: The number of a buffer in a parcel, and of a chunk in it.
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Quote:
    """One chunk that does not travel: where it belongs, and its digest or its first place."""

    place: Place
    source: Digest | Place


def span(nbytes: int, chunk: int) -> tuple[int, int]:
    """Return where a chunk of a buffer of `nbytes` begins and ends."""
    start = chunk * CHUNK_BYTES
    return start, min(start + CHUNK_BYTES, nbytes)


def travelling_spans(sizes: Sequence[int], quotes: Iterable[Quote]) -> list[list[tuple[int, int]]]:
    """Return for every buffer where what does travel begins and ends."""
    quoted: list[set[int]] = [set() for _ in sizes]
    for quote in quotes:
        buffer, chunk = quote.place
        quoted[buffer].add(chunk)
    return [list(_rest(size, chunks)) for size, chunks in zip(sizes, quoted, strict=True)]


def _rest(nbytes: int, quoted: Collection[int]) -> Iterator[tuple[int, int]]:
    start = 0
    for chunk in sorted(quoted):
        begin, end = span(nbytes, chunk)
        if start < begin:
            yield start, begin
        start = end
    if start < nbytes:
        yield start, nbytes


# -- the sender ------------------------------------------------------------------------------


class Catalogue:
    """The digests of buffers in a parcel, as they were computed when its names were looked at."""

    def __init__(self) -> None:
        self._digests: dict[tuple[int, int], Sequence[Digest]] = {}

    def add(self, buffer: memoryview, digests: Sequence[Digest]) -> None:
        """Note the digests of a buffer's chunks."""
        if buffer.nbytes >= QUOTED_BYTES and len(digests) == -(-buffer.nbytes // CHUNK_BYTES):
            self._digests[_memory(buffer)] = digests

    def add_leaf(self, leaf: Leaf, digests: LeafDigests) -> None:
        """Note the digests of an array's or frame's buffers, if it still has the same form."""
        if digests[0] == (leaf.form,) and len(digests) == len(leaf.buffers) + 1:
            for buffer, chunks in zip(leaf.buffers, digests[1:], strict=True):
                self.add(buffer, chunks)

    def find_quotes(
        self, buffers: Sequence[memoryview], held: Callable[[], Collection[Digest]]
    ) -> tuple[Quote, ...]:
        """Return what of `buffers` need not travel.

        Parameters
        ----------
        held
            Returns what the receiver has; asked only if that may matter.
        """
        if not self._digests:
            return ()
        there = held()
        first: dict[Digest, Place] = {}
        quotes = []
        for number, buffer in enumerate(buffers):
            if buffer.nbytes < QUOTED_BYTES:
                continue
            for chunk, digest in enumerate(self._digests.get(_memory(buffer), ())):
                place = number, chunk
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
    buffers: dict[int, tuple[memoryview, ...]] = field(default_factory=dict)

    def copy(self, digest: Digest, target: memoryview) -> bool:
        """Copy the chunk with this digest; False if nothing here holds it any more."""
        for entry, number, chunk in self.places.get(digest, ()):
            buffers = self._buffers_of(entry)
            if number >= len(buffers):
                continue
            start, end = span(buffers[number].nbytes, chunk)
            if end - start != target.nbytes:
                continue
            target[:] = buffers[number][start:end]
            if digest_chunk(target) == digest:
                return True
        return False

    def _buffers_of(self, entry: Entry) -> tuple[memoryview, ...]:
        if entry.token not in self.buffers:
            try:
                leaf = leaf_of(entry.obj, self.table)
            except Exception:  # noqa: BLE001 - it holds by now what cannot travel
                leaf = None
            flat = () if leaf is None else tuple(b.cast("B") for b in leaf.buffers)
            self.buffers[entry.token] = flat
        return self.buffers[entry.token]


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
    buffer = buffers[place[0]]
    start, end = span(buffer.nbytes, place[1])
    return buffer[start:end]


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
