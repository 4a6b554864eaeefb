"""Parcels as message bodies: large buffers through shared memory where both sides see it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_scale.shipping.parcel import Parcel
from jupyter_scale.transport.segments import drop_segment, map_segment, write_segment

INLINE_BYTES = 64 * 1024


def to_body(parcel: Parcel, shared: Path | None) -> dict[str, Any]:
    """Return a parcel as plain values.

    Parameters
    ----------
    shared
        The directory for shared memory, or None when the other side is on another machine.
    """
    sizes = [buffer.nbytes for buffer in parcel.buffers]
    segment = None
    inline: list[bytes] = []
    if shared is not None and sum(sizes) > INLINE_BYTES:
        segment = write_segment(shared, parcel.buffers)
    else:
        inline = [bytes(buffer) for buffer in parcel.buffers]
    return {
        "number": parcel.number,
        "names": list(parcel.names),
        "patches": list(parcel.patches),
        "deletes": list(parcel.deletes),
        "stream": parcel.stream,
        "sizes": sizes,
        "segment": segment,
        "inline": inline,
    }


def from_body(body: Mapping[str, Any], shared: Path | None, *, is_last: bool = True) -> Parcel:
    """Rebuild a parcel.

    Parameters
    ----------
    is_last
        Nobody else will read it: its segment, if any, is removed.
    """
    if body["segment"] is None:
        # Writable copies: arrays are rebuilt on this memory.
        buffers = [memoryview(bytearray(data)) for data in body["inline"]]
    elif shared is None:
        msg = "a parcel came through shared memory, and there is none here"
        raise FileNotFoundError(msg)
    else:
        buffers = map_segment(shared, body["segment"], body["sizes"])
        if is_last:
            drop_segment(shared, body["segment"])
    return Parcel(
        body["number"],
        tuple(body["names"]),
        tuple(body["patches"]),
        tuple(body["deletes"]),
        body["stream"],
        tuple(buffers),
    )
