"""Parcels as message bodies: large buffers through shared memory where both sides see it."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_scale.shipping.pages import trust
from jupyter_scale.shipping.parcel import Parcel
from jupyter_scale.shipping.quotes import Quote, travelling_spans
from jupyter_scale.transport.segments import drop_segment, map_segment, write_segment_if_room

INLINE_BYTES = 64 * 1024
_PIECE_BYTES = 1 << 30

#: Writes quoted chunks into buffers.
Recall = Callable[[Sequence[Quote], Sequence[memoryview]], None]


def to_body(parcel: Parcel, shared: Path | None) -> dict[str, Any]:
    """Return a parcel as plain values.

    Parameters
    ----------
    shared
        The directory for shared memory, or None when the other side is on another machine.
    """
    sizes = [buffer.nbytes for buffer in parcel.buffers]
    spans = travelling_spans(sizes, parcel.quotes)
    pieces = [
        [buffer.cast("B")[start:end] for start, end in _cut(parts)]
        for buffer, parts in zip(parcel.buffers, spans, strict=True)
    ]
    all_pieces = list(itertools.chain(*pieces))
    segment = None
    if shared is not None and sum(piece.nbytes for piece in all_pieces) > INLINE_BYTES:
        segment = write_segment_if_room(shared, all_pieces)
    inline = [] if segment else [list(map(bytes, some)) for some in pieces]
    return {
        "number": parcel.number,
        "names": list(parcel.names),
        "patches": list(parcel.patches),
        "deletes": list(parcel.deletes),
        "stream": parcel.stream,
        "sizes": sizes,
        "segment": segment,
        "inline": inline,
        "quotes": [[*quote.place, quote.source] for quote in parcel.quotes],
        # Only of use to whoever works on the segment itself.
        "hashed": [
            [h.buffer, h.row, list(h.digests)]
            for h in parcel.hashed
            if segment and not parcel.quotes
        ],
    }


def from_body(
    body: Mapping[str, Any], shared: Path | None, recall: Recall, *, is_last: bool = True
) -> Parcel:
    """Rebuild a parcel.

    Parameters
    ----------
    recall
        What this side does for chunks that do not travel; its errors are passed on.
    is_last
        Nobody else will read it: its segment, if any, is removed.
    """
    quotes = tuple(
        Quote((buffer, start, end), source if isinstance(source, bytes) else tuple(source))
        for buffer, start, end, source in body["quotes"]
    )
    spans = [list(_cut(parts)) for parts in travelling_spans(body["sizes"], quotes)]
    if body["segment"] is None:
        buffers = _assemble(body["sizes"], spans, itertools.chain(*body["inline"]))
    elif shared is None:
        msg = "a parcel came through shared memory, and there is none here"
        raise FileNotFoundError(msg)
    else:
        lengths = [end - start for start, end in itertools.chain(*spans)]
        try:
            pieces = map_segment(shared, body["segment"], lengths if quotes else body["sizes"])
        finally:
            if is_last:
                drop_segment(shared, body["segment"])
        buffers = _assemble(body["sizes"], spans, pieces) if quotes else pieces
        for number, row, digests in body["hashed"]:
            trust(buffers[number], row, tuple(digests))
    recall(quotes, buffers)
    return Parcel(
        body["number"],
        tuple(body["names"]),
        tuple(body["patches"]),
        tuple(body["deletes"]),
        body["stream"],
        tuple(buffers),
        quotes,
    )


def _cut(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield where the pieces of what travels begin and end: a message can hold each of them."""
    for start, end in spans:
        for begin in range(start, end, _PIECE_BYTES):
            yield begin, min(begin + _PIECE_BYTES, end)


def _assemble(
    sizes: Sequence[int],
    spans: Sequence[Sequence[tuple[int, int]]],
    pieces: Iterable[memoryview | bytes],
) -> list[memoryview]:
    """Return buffers with what travelled in its places; arrays are rebuilt on this memory."""
    left = iter(pieces)
    buffers = []
    for size, parts in zip(sizes, spans, strict=True):
        buffer = _memory(size)
        for start, end in parts:
            buffer[start:end] = next(left)
        buffers.append(buffer)
    return buffers


def _memory(nbytes: int) -> memoryview:
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return memoryview(bytearray(nbytes))
    made: memoryview = numpy.empty(nbytes, dtype="uint8").data  # not cleared, and in large pages
    return made
