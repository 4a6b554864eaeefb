"""A port of this machine that leads to a port on the far side of an SSH connection.

It listens on loopback, and other users of this machine can connect there too: only what
authenticates its callers itself, as everything of a cluster does with mutual TLS, may be behind it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Self

from jupyter_scale.errors import HostError, HostLost
from jupyter_scale.transport.ssh.connection import Channel, Connection, close_channel
from jupyter_scale.transport.ssh.pump import Pump, end_socket

_LOOPBACK = "127.0.0.1"
_BACKLOG = 64
_MOST_OPENING = 16
_PROBE_S = 5.0
_JOIN_S = 2.0

Reopen = Callable[[], Connection]


class Tunnel:
    """Carries connections until it is closed; see `Tunnel.open`.

    Attributes
    ----------
    port : int
        Where it listens, on 127.0.0.1.
    last_error : HostError or None
        Why the latest connection was not carried; None if it was. Such a connection is reset.
    """

    def __init__(
        self, connection: Connection, place: tuple[str, int], reopen: Reopen | None
    ) -> None:
        self._connection, self._place, self._reopen = connection, place, reopen
        self._is_own = self._is_closed = False
        self._connecting = threading.Lock()
        self._may_open = threading.BoundedSemaphore(_MOST_OPENING)
        self._openers: set[threading.Thread] = set()
        self.last_error: HostError | None = None
        self._listener = socket.create_server((_LOOPBACK, 0), backlog=_BACKLOG)
        self.port: int = self._listener.getsockname()[1]
        name = f"tunnel to {place[0]}:{place[1]} on {connection.host}"
        self._pump = Pump(name, self._listener, self._accept)

    @classmethod
    def open(
        cls, connection: Connection, host: str, port: int, *, reopen: Reopen | None = None
    ) -> Self:
        """Listen on a free port; the host is asked when somebody connects, or by `check`.

        Parameters
        ----------
        connection
            It stays the caller's, who closes it after the tunnel.
        host : str
            Where the far end connects to, as it knows it; often ``"127.0.0.1"``.
        port : int
            The port there.
        reopen : callable or None
            Returns a new connection when this one is broken, so that new connections are carried
            again; those are the tunnel's own. The connections that were open are reset.
        """
        return cls(connection, (host, port), reopen)

    @property
    def count(self) -> int:
        """Return how many connections it carries."""
        return self._pump.count

    def check(self) -> None:
        """Try whether something listens on the far side.

        Raises
        ------
        HostError
            When the host may not be asked; `PortRefused` when nothing does; `HostLost` when it
            cannot be asked.
        """
        close_channel(self._open_channel())

    def close(self) -> None:
        """Stop listening, reset what it carries; closed already is fine."""
        self._is_closed = True
        self._pump.close()
        self._listener.close()
        with self._connecting:
            if self._is_own:
                self._connection.close()
        for opener in list(self._openers):
            opener.join(_JOIN_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        host, port = self._place
        return f"<Tunnel from {self.port} to {host}:{port} on {self._connection.host}>"

    def _accept(self, sock: socket.socket) -> None:
        """Have a channel opened for a connection, by a thread, as the host has to be asked."""
        if not self._may_open.acquire(blocking=False):
            end_socket(sock, is_broken=True)
            return
        opener = threading.Thread(target=self._carry, args=(sock,), daemon=True)
        self._openers.add(opener)
        opener.start()

    def _carry(self, sock: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            channel = self._open_channel()
        except HostError as error:
            self.last_error = error
            end_socket(sock, is_broken=True)
        else:
            self.last_error = None
            if self._is_closed:
                close_channel(channel)
                end_socket(sock, is_broken=True)
            else:
                self._pump.add(sock, channel)
        finally:
            self._may_open.release()
            self._openers.discard(threading.current_thread())

    def _open_channel(self) -> Channel:
        connection = self._living()
        try:
            return connection.open_direct(*self._place)
        except HostError as error:
            if self._reopen is None or self._is_closed:
                raise
            if not isinstance(error, HostLost) and connection.is_alive(_PROBE_S):
                raise  # the host answers, and refuses
        return self._living(instead_of=connection).open_direct(*self._place)

    def _living(self, instead_of: Connection | None = None) -> Connection:
        """Return a connection, a new one if the last is broken; one thread makes it for all."""
        with self._connecting:
            is_usable = self._connection.is_open and self._connection is not instead_of
            if is_usable or self._reopen is None or self._is_closed:
                return self._connection
            fresh = self._reopen()
            if self._is_own:
                self._connection.close()
            self._connection, self._is_own = fresh, True
            return fresh
