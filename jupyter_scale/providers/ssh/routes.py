"""Ways from this process to what listens on a node."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from jupyter_scale.errors import PortRefused
from jupyter_scale.providers.provider import Route
from jupyter_scale.transport.ssh.connection import Connection
from jupyter_scale.transport.ssh.tunnel import Tunnel


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
    connection = connect()
    try:
        tunnel = Tunnel.open(connection, str(place.hostname), int(place.port or 0), reopen=connect)
    except BaseException:
        connection.close()
        raise

    def close() -> None:
        tunnel.close()
        connection.close()

    def is_refused() -> bool:
        return isinstance(tunnel.last_error, PortRefused)

    return Route(f"{place.scheme}://127.0.0.1:{tunnel.port}", is_refused, close)
