"""Content hashes: of one buffer, chunk by chunk, and of a whole stream."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import xxhash

from jupyter_scale.shipping.pages import find_mapping, written_parts

CHUNK_BYTES = 1 << 20

Digest = bytes
#: The form of an array or frame, then the chunk digests of each of its buffers.
LeafDigests = tuple[tuple[Digest, ...], ...]


def chunk_digests(buffer: memoryview) -> tuple[Digest, ...]:
    """Return the xxh3-128 digest of every chunk of 1 MiB (the last may be shorter)."""
    flat = buffer.cast("B") if buffer.format != "B" or buffer.ndim != 1 else buffer
    place = find_mapping(buffer) if flat.nbytes >= CHUNK_BYTES else None
    if place is None:
        return tuple(_digest(flat, start) for start in range(0, flat.nbytes, CHUNK_BYTES))
    mapping, address = place
    key = (address, flat.nbytes)
    known = mapping.digests.get(key)
    starts = range(0, flat.nbytes, CHUNK_BYTES)
    if known is None:
        digests = tuple(_digest(flat, start) for start in starts)
    else:
        # A chunk that is unwritten now was unwritten when its digest was taken.
        written = written_parts(address, flat.nbytes, CHUNK_BYTES)
        digests = tuple(
            _digest(flat, start) if is_written else digest
            for start, is_written, digest in zip(starts, written, known, strict=True)
        )
    mapping.digests[key] = digests
    return digests


def _digest(flat: memoryview, start: int) -> Digest:
    return digest_chunk(flat[start : start + CHUNK_BYTES])


def digest_chunk(chunk: memoryview) -> Digest:
    """Return the digest of one chunk."""
    return xxhash.xxh3_128_digest(chunk)


def digest_of(stream: bytes | memoryview, parts: Iterable[Sequence[Digest]]) -> Digest:
    """Return the fingerprint of a stream together with the digests of what is out of band."""
    state = xxhash.xxh3_128(stream)
    for digests in parts:
        state.update(len(digests).to_bytes(8, "little"))
        for digest in digests:
            state.update(digest)
    return state.digest()


class DigestCache:
    """Remembers digests of arrays and frames during one pass in which nothing can change.

    An array reached from several names is hashed once.
    """

    def __init__(self) -> None:
        self._known: dict[int, LeafDigests] = {}

    def digests(self, key: int, form: bytes, buffers: Sequence[memoryview]) -> LeafDigests:
        """Return the digests of the object with ``id`` `key`: its form, then each buffer."""
        if key not in self._known:
            self._known[key] = ((form,), *map(chunk_digests, buffers))
        return self._known[key]
