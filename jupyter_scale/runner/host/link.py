"""The supervisor's pipes: messages to and from the shell, and from the session."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from jupyter_scale.transport.framing import LENGTH_BYTES, Unframer, decode, encode


class ShellLink:
    """The shell's end: any thread may send; only the main thread receives."""

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
        head = self._read(LENGTH_BYTES)
        if head is None:
            return None
        body = self._read(int.from_bytes(head, "big"))
        return None if body is None else decode(body)

    def receive_waiting(self) -> Iterator[dict[str, Any]]:
        """Yield the messages that are there; wait for no other."""
        while self._has_more():
            message = self.receive()
            if message is None:
                return
            yield message

    def _has_more(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            return bool(self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        return False

    def _read(self, size: int) -> bytes | None:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            count = self._socket.recv_into(view)
            if count == 0:
                return None
            view = view[count:]
        return bytes(data)


class MessageLink(asyncio.Protocol):
    """The supervisor's end of a pipe, on its event loop.

    Messages are handled as they arrive, without a task that would have to be woken for each.

    Parameters
    ----------
    on_message
        Takes this link and a message.
    on_closed
        Takes this link when it is gone.
    """

    def __init__(
        self,
        on_message: Callable[[MessageLink, dict[str, Any]], None],
        on_closed: Callable[[MessageLink], None],
    ) -> None:
        self._on_message, self._on_closed = on_message, on_closed
        self._frames = Unframer()
        self._transport: Any = None
        #: What has come so far.
        self.received_bytes = 0

    @property
    def socket(self) -> Any:
        """The socket, None before the link is made."""
        return self._transport and self._transport.get_extra_info("socket")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        self.received_bytes += len(data)
        for message in self._frames.feed(data):
            if not self._transport.is_closing():
                self._on_message(self, message)

    def connection_lost(self, _error: Exception | None) -> None:
        """End."""
        self._on_closed(self)

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; it is written as the other side reads."""
        self._transport.write(encode(message))

    def close(self) -> None:
        """Close this end at once."""
        self._transport.abort()
