"""A connection under mutual TLS: one thread receives messages while any thread sends some.

OpenSSL's state belongs to one thread at a time, so bytes are encrypted and decrypted in memory,
under a lock that is never held while the network is waited for.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import sys
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from jupyter_scale.transport.framing import Unframer, encode

_RECEIVE_BYTES = 1 << 18
_PIECE_BYTES = 1 << 20
_PROBES = 10


class SecureConnection:
    """The end that has called the other one.

    Parameters
    ----------
    sock
        Connected; it is this object's from now on.
    context
        This side's certificate, and whom it trusts.

    Attributes
    ----------
    sent_bytes, received_bytes
        What has gone and come so far, as it is without encryption.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self._socket = sock
        self._came, self._goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._came, self._goes)
        self._using_tls, self._sending = threading.Lock(), threading.Lock()
        self._frames = Unframer()
        self.sent_bytes = self.received_bytes = 0

    @classmethod
    def open(
        cls, host: str, port: int, context: ssl.SSLContext, timeout_s: float
    ) -> SecureConnection:
        """Connect, and agree on keys.

        Raises
        ------
        OSError
            Nobody listens, the other side is not trusted, or it took too long.
        """
        sock = socket.create_connection((host, port), timeout_s)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            notice_silence(sock)
            connection = cls(sock, context)
            connection._shake_hands()
            sock.settimeout(None)
        except BaseException:
            sock.close()
            raise
        return connection

    def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._socket.sendall(self._goes.read())
                data = self._socket.recv(_RECEIVE_BYTES)
                if not data:
                    msg = "the other side hung up"
                    raise ConnectionError(msg) from None
                self._came.write(data)
            else:
                self._socket.sendall(self._goes.read())
                return

    def send(self, messages: Iterable[Mapping[str, Any]]) -> None:
        """Send messages, whole and in order.

        Raises
        ------
        OSError
            The connection is broken.
        """
        with self._sending:
            data = memoryview(b"".join(map(encode, messages)))
            for start in range(0, len(data), _PIECE_BYTES):
                piece = data[start : start + _PIECE_BYTES]
                with self._using_tls:
                    self._tls.write(piece)
                    encrypted = self._goes.read()
                self._socket.sendall(encrypted)
                self.sent_bytes += len(piece)

    def receive(self) -> list[dict[str, Any]]:
        """Wait for messages; none when the other side has closed.

        Raises
        ------
        OSError
            The connection is broken.
        """
        while True:
            data = self._socket.recv(_RECEIVE_BYTES)
            if not data:
                return []
            with self._using_tls:
                self._came.write(data)
                decrypted = self._decrypt()
                self.received_bytes += len(decrypted)
                messages = self._frames.feed(decrypted)
            if messages:
                return messages

    def _decrypt(self) -> bytes:
        parts = []
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            while part := self._tls.read(_RECEIVE_BYTES):
                parts.append(part)
        return b"".join(parts)

    def is_silent_for(self, seconds: float) -> bool:
        """Wait so long for something to receive; tell whether nothing came."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(seconds * 1000)

    def has_room(self) -> bool:
        """Tell whether something small could be sent at once."""
        poll = select.poll()
        poll.register(self._socket, select.POLLOUT)
        return bool(poll.poll(0))

    def abort(self) -> None:
        """Break the connection, from any thread; whoever waits on it is woken."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it; nobody may be using it any more."""
        self.abort()
        self._socket.close()


def notice_silence(sock: Any, timeout_s: int = 30) -> None:
    """Let the system break a connection whose other end answers no more."""
    interval = max(1, timeout_s // (2 * _PROBES))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        idle = timeout_s - interval * _PROBES
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout_s * 1000)
