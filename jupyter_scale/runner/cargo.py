"""Parcels as message bodies: large buffers through shared memory where both sides see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_scale.shipping.parcel import Parcel
from jupyter_scale.shipping.quotes import Quote, travelling_spans
from jupyter_scale.transport.segments import drop_segment, map_segment, write_segment

INLINE_BYTES = 64 * 1024

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
    inline: list[bytes] = []
    if shared is not None and sum(sizes) > INLINE_BYTES:
        segment = write_segment(shared, parcel.buffers, spans if parcel.quotes else None)
    else:
        inline = [
            b"".join(buffer.cast("B")[start:end] for start, end in parts)
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


def _spread(data: bytes, size: int, spans: Sequence[tuple[int, int]]) -> memoryview:
    """Return a buffer with what travelled of it in its places."""
    if len(data) == size:
        return memoryview(bytearray(data))
    buffer, offset = memoryview(bytearray(size)), 0
    for start, end in spans:
        buffer[start:end] = data[offset : offset + end - start]
        offset += end - start
    return buffer
