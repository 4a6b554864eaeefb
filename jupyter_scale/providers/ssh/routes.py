"""Ways from this process to what listens on a node."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from jupyter_scale.errors import HostError, PortRefused
from jupyter_scale.providers.provider import Route
from jupyter_scale.transport.ssh.commands import run
from jupyter_scale.transport.ssh.connection import Connection
from jupyter_scale.transport.ssh.tunnel import Tunnel

_COMMAND_S = 10.0


def open_route(address: str, connect: Callable[[], Connection]) -> Route:
    """Return a way through a tunnel on a connection of its own, which is made anew when it breaks.

    Parameters
    ----------
    address : str
        ``SCHEME://HOST:PORT`` as the node knows it.
    connect : callable
        Returns a new connection to the node.

    Raises
    ------
    HostError
        When the node cannot be reached.
    """
    place = urlsplit(address)

    def connect_for_answers() -> Connection:
        connection = connect()
        threading.Thread(target=_send_at_once, args=(connection,), daemon=True).start()
        return connection

    connection = connect_for_answers()
    try:
        tunnel = Tunnel.open(
            connection, str(place.hostname), int(place.port or 0), reopen=connect_for_answers
        )
    except BaseException:
        connection.close()
        raise

    def close() -> None:
        tunnel.close()
        connection.close()

    def is_refused() -> bool:
        return isinstance(tunnel.last_error, PortRefused)

    return Route(f"{place.scheme}://127.0.0.1:{tunnel.port}", is_refused, close)


def _send_at_once(connection: Connection) -> None:
    """Have the host send short answers at once.

    OpenSSH's server sets TCP_NODELAY with a connection's first command. Where there is none, an
    answer that follows other news, such as that a window is open again, waits until that is
    acknowledged: 40 ms and more.
    """
    with contextlib.suppress(HostError):
        run(connection, ["true"], timeout_s=_COMMAND_S)
