"""Large buffers of a pool's calls in shared memory: the same content is there once."""

from __future__ import annotations

import threading
from pathlib import Path

from jupyter_scale.runner.host.pools.tasks import INLINE_BYTES
from jupyter_scale.runner.host.pools.wire import Bundle, Memory
from jupyter_scale.shipping.fingerprint import Digest, digest_chunk
from jupyter_scale.transport.segments import drop_segment, write_segment


class BufferStore:
    """Segments by content.

    What one call used goes with it; what a second one brings again is likely to come a third time,
    and stays until the pool ends.

    Parameters
    ----------
    shared
        The directory for shared memory; without one buffers travel inside the calls.
    """

    def __init__(self, shared: Path | None) -> None:
        self._shared = shared
        self._lock = threading.Lock()
        self._segments: dict[Digest, Memory] = {}
        self._users: dict[str, int] = {}
        self._seen: set[Digest] = set()
        self._stays: set[str] = set()

    def put(self, buffer: memoryview) -> Memory:
        """Return where a buffer is, for one call."""
        if self._shared is None or buffer.nbytes < INLINE_BYTES:
            return Memory(buffer.nbytes, None, bytes(buffer))
        digest = digest_chunk(buffer)
        with self._lock:
            memory = self._segments.get(digest)
            if memory is None:
                name = write_segment(self._shared, [buffer])
                memory = self._segments[digest] = Memory(buffer.nbytes, name)
            assert memory.segment is not None  # noqa: S101 - only such are kept
            if digest in self._seen:
                self._stays.add(memory.segment)
            self._seen.add(digest)
            self._users[memory.segment] = self._users.get(memory.segment, 0) + 1
            return memory

    def release(self, bundle: Bundle) -> None:
        """Take note that a call is over."""
        with self._lock:
            for memory in bundle.memory:
                if memory.segment in self._users:
                    self._users[memory.segment] -= 1
                    if not self._users[memory.segment] and memory.segment not in self._stays:
                        self._drop(memory)

    def _drop(self, gone: Memory) -> None:
        assert self._shared is not None  # noqa: S101 - it holds a segment
        assert gone.segment is not None  # noqa: S101 - as above
        drop_segment(self._shared, gone.segment)
        del self._users[gone.segment]
        self._segments = {d: memory for d, memory in self._segments.items() if memory is not gone}

    def clear(self) -> None:
        """Remove everything."""
        with self._lock:
            for memory in list(self._segments.values()):
                self._drop(memory)
