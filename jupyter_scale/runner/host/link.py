"""The pipe between supervisor and shell: msgpack messages with a length in front."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import msgpack

_LENGTH_BYTES = 8
_MAX = 2**31 - 1


def encode(message: dict[str, Any]) -> bytes:
    """Return a message as bytes, length first."""
    body: bytes = msgpack.packb(message, use_bin_type=True)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


def decode(body: bytes) -> dict[str, Any]:
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


class ShellLink:
    """The shell's end. Any thread may send; only the main thread receives, between cells."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        """Send a whole message."""
        data = encode(message)
        with self._lock:
            self._socket.sendall(data)

    def receive(self) -> dict[str, Any] | None:
        """Wait for a message; None when the supervisor is gone."""
        head = self._read(_LENGTH_BYTES)
        if head is None:
            return None
        body = self._read(int.from_bytes(head, "big"))
        return None if body is None else decode(body)

    def _read(self, size: int) -> bytes | None:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            count = self._socket.recv_into(view)
            if count == 0:
                return None
            view = view[count:]
        return bytes(data)


class SupervisorLink:
    """The supervisor's end, on its event loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, sock: socket.socket) -> SupervisorLink:
        """Take over one end of a socket pair."""
        return cls(*await asyncio.open_unix_connection(sock=sock))

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; it is written as the shell reads."""
        self._writer.write(encode(message))

    async def receive(self) -> dict[str, Any] | None:
        """Wait for a message; None when the shell process is gone."""
        try:
            head = await self._reader.readexactly(_LENGTH_BYTES)
            return decode(await self._reader.readexactly(int.from_bytes(head, "big")))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def close(self) -> None:
        """Close this end."""
        self._writer.close()
