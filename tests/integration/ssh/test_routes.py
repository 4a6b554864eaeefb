"""Ways to what listens on a node: what comes back over them does not wait."""

import contextlib
import ctypes
import os
import socket
from urllib.parse import urlsplit

import psutil
import pytest

from jupyter_scale.errors import HostError
from jupyter_scale.providers.ssh.routes import open_route
from sshlab import PORT
from waiting import eventually

_PIDFD_GETFD = 438  # the same on every architecture


def far_ends(lab):
    """Return the sockets of a machine's sshd that somebody has logged in through, as our own."""
    libc = ctypes.CDLL(None, use_errno=True)
    for process in lab.machines["h1"].find():
        with contextlib.suppress(psutil.Error):
            for each in process.net_connections("tcp"):
                if each.status == "ESTABLISHED" and each.laddr.port == PORT:
                    handle = os.pidfd_open(process.pid)
                    number = libc.syscall(_PIDFD_GETFD, handle, each.fd, 0)
                    os.close(handle)
                    if number >= 0:
                        yield socket.socket(fileno=number)


def answers_at_once(lab):
    found = []
    for sock in far_ends(lab):
        with sock:
            found.append(bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
    return bool(found) and all(found)


@pytest.fixture
def route(lab, connect, peer):
    route = open_route(f"tls://127.0.0.1:{peer.echo}", lambda: connect(lab))
    yield route
    route.close()


def test_a_host_sends_short_answers_at_once(lab, connect, route):
    assert eventually(lambda: answers_at_once(lab), 20)


def test_what_does_not_listen_is_told_from_what_cannot_be_reached(lab, connect):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        route = open_route(f"tls://127.0.0.1:{nobody.getsockname()[1]}", lambda: connect(lab))
        try:
            place = urlsplit(route.address)
            with (
                socket.create_connection((place.hostname, place.port), 20) as sock,
                pytest.raises(ConnectionResetError),
            ):
                sock.recv(1)
            assert eventually(route.is_refused, 20)
        finally:
            route.close()


def test_nothing_stays_open_where_a_route_cannot_be(lab):
    def fail():
        raise HostError("h1", "connect", "it is down")

    with pytest.raises(HostError, match="it is down"):
        open_route("tls://127.0.0.1:1", fail)
