"""Tunnels: much, many, half-closed, refused, and opened again."""

import contextlib
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from jupyter_scale.errors import HostError, PortRefused
from jupyter_scale.transport.ssh.tunnel import Tunnel
from waiting import eventually


@pytest.fixture
def dig(h1):
    """Open a tunnel to a port; it is closed at the end."""
    tunnels = []

    def dig(port, **options):
        tunnel = Tunnel.open(options.pop("connection", h1), "127.0.0.1", port, **options)
        tunnels.append(tunnel)
        return tunnel

    yield dig
    for tunnel in tunnels:
        tunnel.close()


def call(tunnel):
    return socket.create_connection(("127.0.0.1", tunnel.port), 20)


def read_all(sock):
    parts = []
    while data := sock.recv(1 << 20):
        parts.append(data)
    return b"".join(parts)


def test_much_up_and_a_half_close(dig, peer):
    with call(dig(peer.count)) as sock:
        for _ in range(64):
            sock.sendall(bytes(1 << 20))
        sock.shutdown(socket.SHUT_WR)
        assert int(read_all(sock)) == 64 << 20


def test_much_down(dig, peer):
    with call(dig(peer.send)) as sock:
        sock.sendall(str(64 << 20).encode())
        assert len(read_all(sock)) == 64 << 20


def test_content_both_ways_at_once(dig, peer):
    data = os.urandom(16 << 20)
    with call(dig(peer.echo)) as sock:

        def send():
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        assert read_all(sock) == data
        sender.join()


def test_a_reader_that_is_slow_holds_up_nobody_else(dig, peer):
    tunnel = dig(peer.send)
    with call(tunnel) as slow, call(tunnel) as quick:
        slow.sendall(str(200 << 20).encode())  # more than all buffers, and not read
        assert slow.recv(1)
        quick.sendall(str(8 << 20).encode())
        assert len(read_all(quick)) == 8 << 20


def test_many_small(dig, peer):
    tunnel = dig(peer.echo)

    def talk(number):
        with call(tunnel) as sock:
            for turn in range(5):
                said = f"{number}.{turn};".encode()
                sock.sendall(said)
                heard = b""
                while len(heard) < len(said):
                    heard += sock.recv(100)
                assert heard == said
        return True

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(talk, range(100)))
    assert eventually(lambda: tunnel.count == 0, 5)
    assert sum(t.name.startswith("tunnel") for t in threading.enumerate()) == 1


def test_the_far_side_refuses(dig):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, and not listening
        tunnel = dig(nobody.getsockname()[1])
        with pytest.raises(PortRefused, match=r"h1: it cannot connect to .*: Connection refused"):
            tunnel.check()
        with pytest.raises(ConnectionResetError), call(tunnel) as sock:
            sock.recv(1)
    assert isinstance(tunnel.last_error, PortRefused)


def test_what_listens_later_is_found(dig):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        tunnel = dig(listener.getsockname()[1])
        with pytest.raises(HostError):
            tunnel.check()
        listener.listen()
        tunnel.check()


def test_forwarding_is_forbidden(fresh, connect, dig, peer):
    fresh.add(options="AllowTcpForwarding no")
    tunnel = dig(peer.echo, connection=connect(fresh))
    with pytest.raises(HostError, match=r"does not let connections(.|\n)*AllowTcpForwarding") as it:
        tunnel.check()
    assert not isinstance(it.value, PortRefused)


def test_a_far_end_that_resets(dig):
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        call(dig(listener.getsockname()[1])) as sock,
    ):
        sock.sendall(b"hello")
        far, _ = listener.accept()
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        far.close()
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(1) == b""  # sshd tells an end and a reset alike


def test_a_near_end_that_resets(dig):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sock = call(dig(listener.getsockname()[1]))
        far, _ = listener.accept()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
        far.settimeout(10)
        assert far.recv(1) == b""
        far.close()


def test_closing_resets_what_is_open(dig, peer):
    tunnel = dig(peer.echo)
    with call(tunnel) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        tunnel.close()
        tunnel.close()
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
    with pytest.raises(ConnectionRefusedError):
        call(tunnel)


def test_a_closed_connection_resets_what_it_carried(lab, connect, dig, peer):
    connection = connect(lab)
    tunnel = dig(peer.echo, connection=connection)
    with call(tunnel) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        connection.close()
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
    with pytest.raises(ConnectionResetError), call(tunnel) as sock:
        sock.recv(1)
    assert "connection is broken" in str(tunnel.last_error)


def test_it_is_opened_again(lab, connect, dig, peer):
    connection = connect(lab)
    tunnel = dig(peer.echo, connection=connection, reopen=lambda: connect(lab))
    connection.close()
    for _ in range(2):
        with call(tunnel) as sock:
            sock.sendall(b"back")
            assert sock.recv(4) == b"back"
    assert tunnel.last_error is None


def test_only_loopback_listens(dig, peer):
    import psutil

    tunnel = dig(peer.echo)
    ours = [c.laddr.ip for c in psutil.Process().net_connections() if c.laddr.port == tunnel.port]
    assert ours == ["127.0.0.1"]
