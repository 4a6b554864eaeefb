"""Content hashes: of one buffer, chunk by chunk, and of a whole stream."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

import xxhash

from jupyter_scale.shipping.pages import find_mapping, written_parts

CHUNK_BYTES = 1 << 17
#: To look at the pages of a smaller buffer takes longer than to hash it.
OBSERVED_BYTES = 1 << 20
#: From here on a second core is worth its thread.
_PARALLEL_BYTES = 1 << 23

Digest = bytes
#: The form of an array or frame, then the chunk digests of each of its buffers.
LeafDigests = tuple[tuple[Digest, ...], ...]


def chunk_spans(nbytes: int, row: int = 0) -> list[tuple[int, int]]:
    """Return where the chunks of a buffer begin and end: 128 KiB each, the last may be shorter.

    Parameters
    ----------
    row
        Bytes of one row of a table, 0 for memory without rows. Each row begins a chunk, so that it
        has the same chunks by itself and in any table.
    """
    row = row or nbytes
    return [
        (start, min(start + CHUNK_BYTES, first + row))
        for first in range(0, nbytes, row or 1)
        for start in range(first, first + row, CHUNK_BYTES)
    ]


def chunk_digests(buffer: memoryview, row: int = 0) -> tuple[Digest, ...]:
    """Return the xxh3-128 digest of every chunk in the order of `chunk_spans`."""
    flat = buffer.cast("B") if buffer.format != "B" or buffer.ndim != 1 else buffer
    spans = chunk_spans(flat.nbytes, row)
    place = find_mapping(buffer) if flat.nbytes >= OBSERVED_BYTES else None
    if place is None:
        return _hash(flat, spans)
    mapping, address = place
    key = (address, flat.nbytes, row)
    known = mapping.digests.get(key)
    if known is None:
        digests = _hash(flat, spans)
    else:
        # A chunk that is unwritten now was unwritten when its digest was taken.
        written = written_parts(address, flat.nbytes, spans)
        digests = tuple(
            digest_chunk(flat[start:end]) if is_written else digest
            for (start, end), is_written, digest in zip(spans, written, known, strict=True)
        )
    mapping.digests[key] = digests
    return digests


def _hash(flat: memoryview, spans: Sequence[tuple[int, int]]) -> tuple[Digest, ...]:
    """Return the digests of parts of a buffer; of a large one two threads compute them."""
    if flat.nbytes < _PARALLEL_BYTES:
        return tuple(digest_chunk(flat[start:end]) for start, end in spans)
    later: list[Digest] = []
    middle = len(spans) // 2

    def hash_rest() -> None:
        later.extend(digest_chunk(flat[start:end]) for start, end in spans[middle:])

    # It needs a name: those without one would count as the user's.
    helper = threading.Thread(target=hash_rest, name="jupyter-scale hash", daemon=True)
    helper.start()
    digests = [digest_chunk(flat[start:end]) for start, end in spans[:middle]]
    helper.join()
    return (*digests, *later)


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

    def digests(
        self, key: int, form: bytes, buffers: Sequence[memoryview], rows: Sequence[int]
    ) -> LeafDigests:
        """Return the digests of the object with ``id`` `key`: its form, then each buffer."""
        if key not in self._known:
            self._known[key] = ((form,), *map(chunk_digests, buffers, rows))
        return self._known[key]
