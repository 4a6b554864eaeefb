"""Links that are cut without a word, for a while and for good."""

import contextlib
import os
import socket
import threading
import time

import pytest

from jupyter_scale.errors import HostError, HostLost
from jupyter_scale.transport.ssh.commands import run, start
from jupyter_scale.transport.ssh.files import Files
from jupyter_scale.transport.ssh.opening import Timeouts
from jupyter_scale.transport.ssh.tunnel import Tunnel

IMPATIENT = Timeouts(connect_s=2, keepalive_s=0.3, silence_s=2)
NOTICED_S = 8
CUT_S = 10

ECHO = """
import socket, sys, threading
listener = socket.create_server(("127.0.0.1", 7))
print("{}", flush=True)
while True:
    sock, _ = listener.accept()
    def echo(sock=sock):
        while data := sock.recv(65536):
            sock.sendall(data)
    threading.Thread(target=echo, daemon=True).start()
"""


@contextlib.contextmanager
def called(lab, tunnel):
    """Connect to a tunnel, from where its machines are."""
    with lab.inside(), socket.create_connection(("127.0.0.1", tunnel.port), 40) as sock:
        yield sock


COUNT = "n=0; while :; do n=$((n+1)); echo $n; sleep 0.2; done"


@pytest.fixture
def echo(wired, connect):
    """Start an echo on port 7 of the machine's own loopback, over a connection of its own."""

    def start_echo():
        child = start(connect(wired), ["python3", "-c", ECHO], what="echo")
        child.wait_ready()

    return start_echo


@pytest.mark.slow
def test_cut_for_ten_seconds(wired, connect, echo):
    """Nothing breaks, and nothing is lost: a command, a child and a tunnel go on."""
    connection = connect(wired)
    echo()
    child = start(connection, ["sh", "-c", COUNT])
    results = []
    waiting = threading.Thread(
        target=lambda: results.append(run(connection, ["sleep", "3"], timeout_s=60))
    )
    with wired.inside():
        tunnel = Tunnel.open(connection, "127.0.0.1", 7)
    with tunnel, called(wired, tunnel) as sock:
        sock.sendall(b"a")
        assert sock.recv(1) == b"a"
        waiting.start()
        assert child.read_message(10) == 1
        wired.network.cut()
        assert not connection.is_alive(0.5)
        sock.sendall(b"b")
        time.sleep(CUT_S)  # the length of the cut is what is tested
        wired.network.mend()
        assert sock.recv(1) == b"b"
    waiting.join(40)
    assert results[0].status == 0
    numbers = [child.read_message(10) for _ in range(40)]
    assert numbers == list(range(2, 42))
    child.end()


def test_cut_for_good_under_a_command(wired, connect):
    connection = connect(wired, timeouts=IMPATIENT)
    wired.network.cut()
    began = time.monotonic()
    with pytest.raises(HostLost, match="it was silent for 2 s"):
        run(connection, ["sleep", "100"], timeout_s=100)
    assert time.monotonic() - began < NOTICED_S


def test_cut_for_good_with_nobody_asking(wired, connect):
    """A child that says nothing: its reader is told all the same."""
    connection = connect(wired, timeouts=IMPATIENT)
    child = start(connection, ["sh", "-c", "echo {}; sleep 100"])
    child.wait_ready()
    wired.network.cut()
    began = time.monotonic()
    with pytest.raises(HostLost):
        child.read_message(100)
    assert time.monotonic() - began < NOTICED_S


def test_cut_for_good_in_the_middle_of_an_upload(wired, connect):
    connection = connect(wired, timeouts=IMPATIENT)

    def cut(done, total):
        if done > 1 << 20:
            with contextlib.suppress(Exception):
                wired.network.cut()

    source = wired.directory / "source"
    source.write_bytes(os.urandom(64 << 20))
    began = time.monotonic()
    with Files(connection) as files, pytest.raises(HostLost):
        files.put_file(source, "sent", on_progress=cut)
    assert time.monotonic() - began < NOTICED_S + 4
    began = time.monotonic()
    connection.close()
    assert time.monotonic() - began < 2


def test_cut_for_good_under_a_full_stream(wired, connect, echo):
    """The writer waits in the stuffed link, and the probe of others does not wait for it."""
    echo()
    connection = connect(wired, timeouts=Timeouts(keepalive_s=0.3, silence_s=3))
    with wired.inside():
        tunnel = Tunnel.open(connection, "127.0.0.1", 7)
    with tunnel, called(wired, tunnel) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        wired.network.cut()

        def stuff():
            with contextlib.suppress(OSError):
                while True:
                    sock.sendall(bytes(1 << 20))

        stuffing = threading.Thread(target=stuff)
        stuffing.start()
        began = time.monotonic()
        assert not connection.is_alive(0.5)
        assert time.monotonic() - began < 2
        stuffing.join(NOTICED_S + 4)
        assert not stuffing.is_alive()
    assert not connection.is_open


def test_a_tunnel_is_opened_again_after_a_cut(wired, connect, echo):
    echo()

    def reopen():
        return connect(wired, timeouts=IMPATIENT)

    with wired.inside():
        tunnel = Tunnel.open(reopen(), "127.0.0.1", 7, reopen=reopen)
    with tunnel:
        with called(wired, tunnel) as sock:
            sock.sendall(b"x")
            assert sock.recv(1) == b"x"
            wired.network.cut()
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
        with pytest.raises(ConnectionResetError), called(wired, tunnel) as sock:
            sock.recv(1)
        assert isinstance(tunnel.last_error, HostError)
        wired.network.mend()
        with called(wired, tunnel) as sock:
            sock.sendall(b"y")
            assert sock.recv(1) == b"y"


def test_calling_over_a_cut_link(wired, connect):
    wired.network.cut()
    began = time.monotonic()
    with pytest.raises(HostError, match=r"did not answer within 1 s|cannot be reached"):
        connect(wired, timeouts=Timeouts(connect_s=1))
    assert time.monotonic() - began < NOTICED_S
