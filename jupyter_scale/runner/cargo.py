"""Parcels as message bodies: large buffers through shared memory where both sides see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    segment = None
    inline: list[list[bytes]] = []
    if shared is not None and sum(sizes) > INLINE_BYTES:
        segment = write_segment_if_room(shared, parcel.buffers, spans if parcel.quotes else None)
    if segment is None:
        inline = [
            list(_cut(buffer.cast("B"), parts))
            for buffer, parts in zip(parcel.buffers, spans, strict=True)
        ]
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
        # Only of use to whoever maps the segment.
        "hashed": [[h.buffer, h.row, list(h.digests)] for h in parcel.hashed if segment],
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
    if body["segment"] is None:
        # Writable copies: arrays are rebuilt on this memory.
        spans = travelling_spans(body["sizes"], quotes)
        parts = zip(body["inline"], body["sizes"], spans, strict=True)
        buffers = [_spread(data, size, where) for data, size, where in parts]
        recall(quotes, buffers)
    elif shared is None:
        msg = "a parcel came through shared memory, and there is none here"
        raise FileNotFoundError(msg)
    else:
        try:
            if quotes:
                # Into the segment itself: a private page would be a second one.
                recall(
                    quotes, map_segment(shared, body["segment"], body["sizes"], is_private=False)
                )
            buffers = map_segment(shared, body["segment"], body["sizes"])
            for number, row, digests in body["hashed"]:
                trust(buffers[number], row, tuple(digests))
        finally:
            if is_last:
                drop_segment(shared, body["segment"])
    return Parcel(
        body["number"],
        tuple(body["names"]),
        tuple(body["patches"]),
        tuple(body["deletes"]),
        body["stream"],
        tuple(buffers),
        quotes,
    )


def _cut(buffer: memoryview, spans: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    """Yield what travels of a buffer, in pieces that a message can hold."""
    for start, end in spans:
        for begin in range(start, end, _PIECE_BYTES):
            yield bytes(buffer[begin : min(begin + _PIECE_BYTES, end)])


def _spread(pieces: Sequence[bytes], size: int, spans: Sequence[tuple[int, int]]) -> memoryview:
    """Return a buffer with what travelled of it in its places."""
    if len(pieces) == 1 and len(pieces[0]) == size:
        return memoryview(bytearray(pieces[0]))
    buffer, left = memoryview(bytearray(size)), iter(pieces)
    for start, end in spans:
        for begin in range(start, end, _PIECE_BYTES):
            buffer[begin : min(begin + _PIECE_BYTES, end)] = next(left)
    return buffer
