"""Messages on a stream of bytes: msgpack, with its length in front."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack

LENGTH_BYTES = 8
_MAX = 2**31 - 1


def encode(message: Mapping[str, Any]) -> bytes:
    """Return a message as bytes, length first."""
    body: bytes = msgpack.packb(message, use_bin_type=True)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def decode(body: bytes | memoryview) -> dict[str, Any]:
    """Return the message in `body`."""
    message: dict[str, Any] = msgpack.unpackb(
        body,
        raw=False,
        strict_map_key=False,
        use_list=True,
        max_bin_len=_MAX,
        max_str_len=_MAX,
    )
    return message


class Unframer:
    """Cuts what arrives into messages."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._needed = LENGTH_BYTES

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Take bytes; return the messages that are complete with them."""
        self._parts.append(data)
        self._size += len(data)
        if self._size < self._needed:
            return []  # a large message is joined once, when all of it is there
        joined = memoryview(data if len(self._parts) == 1 else b"".join(self._parts))
        messages = []
        start, self._needed = 0, LENGTH_BYTES
        while len(joined) - start >= LENGTH_BYTES:
            begin = start + LENGTH_BYTES
            end = begin + int.from_bytes(joined[start:begin], "big")
            if end > len(joined):
                self._needed = end - start
                break
            messages.append(decode(joined[begin:end]))
            start = end
        self._parts = [bytes(joined[start:])] if start < len(joined) else []
        self._size = len(joined) - start
        return messages
