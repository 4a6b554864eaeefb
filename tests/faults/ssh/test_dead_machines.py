"""Machines that are down, die, freeze or are full: who waits for them is told in time."""

import contextlib
import os
import signal
import socket
import threading
import time

import psutil
import pytest

from jupyter_scale.errors import HostError, HostLost
from jupyter_scale.transport.ssh.commands import run, start
from jupyter_scale.transport.ssh.files import Files
from jupyter_scale.transport.ssh.opening import Timeouts
from jupyter_scale.transport.ssh.tunnel import Tunnel
from sshlab import PORT
from waiting import eventually

SOON_S = 10


class Watch:
    """Takes the time of a block, and sees that it is short."""

    def __enter__(self):
        self.began = time.monotonic()

    def __exit__(self, *_):
        assert time.monotonic() - self.began < SOON_S


@pytest.fixture
def machine(fresh):
    return fresh.add(disks={"small": "4m"})


def test_a_machine_that_is_down(fresh, machine, connect):
    machine.kill()
    with Watch(), pytest.raises(HostError, match="nobody listens"):
        connect(fresh)


def test_it_comes_back(fresh, machine, connect):
    first = connect(fresh)
    machine.kill()
    assert eventually(lambda: not first.is_open, SOON_S)
    machine.start()
    assert connect(fresh).is_alive()


def test_it_dies_in_the_middle_of_a_command(fresh, machine, connect):
    connection = connect(fresh)
    failures = []

    def wait():
        try:
            run(connection, ["sh", "-c", "touch begun; sleep 100"], timeout_s=100)
        except HostError as error:
            failures.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert eventually((machine.home / "begun").exists, 10)
    with Watch():
        machine.kill()
        waiting.join()
    assert isinstance(failures[0], HostLost)
    assert str(failures[0]).startswith("h1: the connection is broken: ")
    assert not connection.is_alive(1)


def test_it_dies_under_a_child(fresh, machine, connect):
    child = start(connect(fresh), ["sh", "-c", "echo {}; sleep 100"])
    child.wait_ready()
    machine.kill()
    with Watch(), pytest.raises(HostLost):
        child.read_message(100)
    with pytest.raises(HostLost):
        child.exit_status()
    with pytest.raises(HostLost):
        child.end()
    assert child.last_lines() == ()


def test_it_dies_in_the_middle_of_an_upload(fresh, machine, connect, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(os.urandom(32 << 20))
    with Files(connect(fresh)) as files, Watch(), pytest.raises(HostLost):
        files.put_file(source, "sent", on_progress=lambda *_: machine.kill())
    assert not (machine.home / "sent").exists()


def test_it_dies_in_the_middle_of_a_download(fresh, machine, connect, tmp_path):
    (machine.home / "large").write_bytes(bytes(64 << 20))
    target = tmp_path / "target"
    target.write_text("as before")
    with Files(connect(fresh)) as files, Watch(), pytest.raises(HostLost):
        files.get_file("large", target, on_progress=lambda *_: machine.kill())
    assert target.read_text() == "as before"
    assert list(tmp_path.glob("target.*")) == []


def test_it_dies_under_a_tunnel(fresh, machine, connect, peer):
    with Tunnel.open(connect(fresh), "127.0.0.1", peer.echo) as tunnel:
        with socket.create_connection(("127.0.0.1", tunnel.port), SOON_S) as sock:
            sock.sendall(b"x")
            assert sock.recv(1) == b"x"
            machine.kill()
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
        machine.start()
        with pytest.raises(HostLost):
            tunnel.check()


def test_a_jump_host_dies(fresh, machine, connect):
    inner = fresh.add()
    fresh.configure("inner", HostName=inner.address, Port=PORT, ProxyJump="h1")
    connection = connect(fresh, "inner")
    machine.kill()
    with Watch(), pytest.raises(HostLost):
        run(connection, ["true"], timeout_s=100)


def freeze(machine, number=signal.SIGSTOP):
    for process in machine._members():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def test_it_freezes_under_a_command(fresh, machine, connect):
    """As a machine does that swaps: it takes connections, and never answers."""
    connection = connect(fresh, timeouts=Timeouts(keepalive_s=0.3, silence_s=2))
    freeze(machine)
    assert not connection.is_alive(0.5)
    with Watch(), pytest.raises(HostLost, match="it was silent for 2 s"):
        run(connection, ["true"], timeout_s=100)


def test_it_is_frozen_when_called(fresh, machine, connect):
    freeze(machine)
    with Watch(), pytest.raises(HostError, match="did not finish SSH's greeting within 1 s"):
        connect(fresh, timeouts=Timeouts(handshake_s=1))


def test_it_freezes_and_goes_on(fresh, machine, connect):
    connection = connect(fresh, timeouts=Timeouts(keepalive_s=0.2, silence_s=30))
    freeze(machine)
    assert not connection.is_alive(0.5)
    freeze(machine, signal.SIGCONT)
    assert connection.is_alive(SOON_S)
    assert run(connection, ["echo", "on"], timeout_s=10).stdout == b"on\n"


def test_its_disk_is_full(fresh, machine, connect):
    with Files(connect(fresh)) as files:
        with pytest.raises(HostError, match=r"h1: small/x: its disk is full: . MB are free, 8 MB"):
            files.put_bytes(bytes(8 << 20), "small/x")
        assert files.list_directory("small") == []
        files.put_bytes(bytes(1 << 20), "small/x")
        with pytest.raises(HostError, match="its disk is full"):
            files.put_content(os.urandom(8 << 20), "small/store")
        assert files.list_directory("small/store") == []
    done = run(connect(fresh), ["sh", "-c", "head -c 8m /dev/zero >small/y"], timeout_s=10)
    assert done.status != 0
    assert b"No space left" in done.stderr
