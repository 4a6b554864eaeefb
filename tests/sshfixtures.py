"""Fixtures for tests with real machines: labs, connections, and that nothing is left behind."""

import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from jupyter_scale.transport.ssh.config import resolve
from jupyter_scale.transport.ssh.connection import Connection
from laptop import Laptop
from sshlab import Network, SshLab, require_lab
from waiting import eventually

PEER = Path(__file__).with_name("sshpeer.py")


def mark(items, directory, *marks):
    """Mark the tests in a directory as those that need a lab, and as what else they are."""
    for item in items:
        if directory in item.path.parents:
            for name in ("ssh", *marks):
                item.add_marker(getattr(pytest.mark, name))
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(300))  # other tests run beside


@pytest.fixture(scope="session")
def possible():
    require_lab()


@pytest.fixture(scope="module")
def lab(possible, tmp_path_factory):
    """One lab for a module, with one machine that is usual, h1."""
    lab = SshLab(tmp_path_factory.mktemp("lab"))
    lab.add()
    yield lab
    lab.close()


@pytest.fixture
def fresh(possible, tmp_path):
    """A lab of the test's own, without machines."""
    lab = SshLab(tmp_path)
    yield lab
    lab.close()


@pytest.fixture
def wired(possible, tmp_path):
    """A lab of the test's own with one machine, on a link that can be cut."""
    lab = SshLab(tmp_path, Network())
    lab.add()
    yield lab
    lab.close()


@pytest.fixture
def connect():
    """Connect to a name of a lab; what is opened is closed at the end."""
    opened = []

    def connect(lab, name="h1", **options):
        with lab.inside():
            connection = Connection.open(resolve(name, lab.ssh_config), **options)
        opened.append(connection)
        return connection

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def h1(lab, connect):
    return connect(lab)


@pytest.fixture(scope="module")
def peer():
    """Ports of services on loopback; a machine of a lab shares that with us."""
    process = subprocess.Popen(
        [sys.executable, PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    ports = map(int, process.stdout.readline().split())
    yield SimpleNamespace(**dict(zip(("count", "send", "echo"), ports, strict=True)))
    process.kill()
    process.wait(10)
    process.stdin.close()
    process.stdout.close()


def held():
    """Return the threads and sockets that this process has."""
    own = psutil.Process()
    sockets = {(c.fd, c.laddr, c.raddr) for c in own.net_connections("all")}
    return {t.name for t in threading.enumerate()}, sockets


@pytest.fixture(autouse=True)
def nothing_is_left():
    """See that a test, with its connections closed, leaves no thread and no socket."""
    threads, sockets = held()

    def left():
        now_threads, now_sockets = held()
        return now_threads - threads, now_sockets - sockets

    yield
    assert eventually(lambda: left() == (set(), set()), 5), left()


@pytest.fixture
def open_laptop(lab, folder, tmp_path):
    """Open notebooks of one laptop, in the module's `folder`."""
    opened = []

    def open_laptop():
        laptop = Laptop(lab, folder, tmp_path / "home")
        opened.append(laptop)
        laptop.run("%load_ext jupyter_scale\nimport time, os, socket")
        return laptop

    yield open_laptop
    for laptop in opened:
        laptop.close()
