"""Messages on a stream, however it is cut into pieces; and the TLS connection that carries them."""

import contextlib
import socket
import ssl
import threading

import pytest

from jupyter_scale.clusters.security import issue
from jupyter_scale.transport.framing import Unframer, encode
from jupyter_scale.transport.secure import SecureConnection
from jupyter_scale.transport.tls import context

MESSAGES = [{"n": 1}, {"text": "x" * 1000, "data": b"\x00" * 70_000}, {}, {"list": [1, None, "a"]}]


@pytest.mark.parametrize("size", [1, 7, 8, 9, 1000, 65_536, 10**6])
def test_messages_come_whole_and_in_order(size):
    stream = b"".join(map(encode, MESSAGES))
    frames = Unframer()
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert [message for piece in pieces for message in frames.feed(piece)] == MESSAGES


@pytest.fixture
def tls_dir(tmp_path):
    issue(tmp_path / "tls")
    return tmp_path / "tls"


class Echo(threading.Thread):
    """A peer that sends back whatever it is sent."""

    def __init__(self, server_context):
        super().__init__(daemon=True)
        self.context = server_context
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        accepted, _ = self.listener.accept()
        try:
            with self.context.wrap_socket(accepted, server_side=True) as connection:
                while data := connection.recv(1 << 16):
                    connection.sendall(data)
        except OSError:
            accepted.close()


def connect(tls_dir, port, role="client"):
    own = context(tls_dir, role, is_server=False)
    return SecureConnection.open("127.0.0.1", port, own, timeout_s=5)


def receive(connection, count):
    messages = []
    while len(messages) < count:
        messages += connection.receive()
    return messages


def test_what_is_sent_comes_back(tls_dir):
    echo = Echo(context(tls_dir, "worker", is_server=True))
    connection = connect(tls_dir, echo.port)
    connection.send(MESSAGES)
    assert receive(connection, len(MESSAGES)) == MESSAGES
    connection.close()


def test_large_messages_pass_while_the_other_side_sends_too(tls_dir):
    echo = Echo(context(tls_dir, "worker", is_server=True))
    connection = connect(tls_dir, echo.port)
    large = [{"data": bytes(20 << 20), "n": n} for n in range(2)]
    sender = threading.Thread(target=connection.send, args=(large,))
    sender.start()
    assert receive(connection, 2) == large
    sender.join()
    connection.close()


def test_breaking_it_wakes_whoever_listens(tls_dir):
    echo = Echo(context(tls_dir, "worker", is_server=True))
    connection = connect(tls_dir, echo.port)
    threading.Timer(0.1, connection.abort).start()
    with contextlib.suppress(OSError):  # depends on what was still on its way
        assert connection.receive() == []
    connection.close()


def test_another_authority_is_refused(tls_dir, tmp_path):
    issue(tmp_path / "other")
    echo = Echo(context(tmp_path / "other", "worker", is_server=True))
    with pytest.raises(ssl.SSLError):
        connect(tls_dir, echo.port)


def test_a_client_of_another_authority_is_refused(tls_dir, tmp_path):
    issue(tmp_path / "other")
    server = context(tls_dir, "worker", is_server=True)
    server.maximum_version = ssl.TLSVersion.TLSv1_2  # so that the refusal is part of the handshake
    echo = Echo(server)
    stranger = context(tmp_path / "other", "client", is_server=False)
    stranger.verify_mode = ssl.CERT_NONE
    with pytest.raises(OSError):  # noqa: PT011 - an alert or a reset
        SecureConnection.open("127.0.0.1", echo.port, stranger, timeout_s=5)
