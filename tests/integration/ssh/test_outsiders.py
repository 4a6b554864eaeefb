"""Whoever is no part of a cluster gets nothing of its ports: on the network, on the hosts."""

import socket
import ssl
import subprocess

import pytest

from jupyter_scale.clusters.security import issue
from jupyter_scale.transport.tls import context
from laptop import Laptop, assert_clean, write_profile
from sockets import LISTENING, inodes_of, sockets_around
from sshlab import PORT, make_key

LOOPBACK = "127.0.0.1"


@pytest.fixture
def strangers(tmp_path):
    """How somebody may call: without a certificate, with those of another cluster, without TLS."""
    issue(tmp_path / "other")
    callers = {"nobody": ssl.create_default_context(), "plain": None}
    for role in ("client", "worker", "scheduler"):
        callers[f"other {role}"] = context(tmp_path / "other", role, is_server=False)
    for caller in filter(None, callers.values()):
        caller.check_hostname, caller.verify_mode = False, ssl.CERT_NONE
    return callers


def test_every_port_refuses_outsiders(wired, strangers, tmp_path):
    wired.add()
    outsider = wired.network.add_outsider()
    write_profile(tmp_path / "notebooks", wired, ["h1", "h2"])
    laptop = Laptop(wired, tmp_path / "notebooks", tmp_path / "home")
    try:
        laptop.run("%load_ext jupyter_scale\n%scale up lab")
        laptop.run("%%scale\nx = 1")
        tried = {LOOPBACK: 0}
        for machine in wired.machines.values():
            tried[machine.address] = 0
            for host, port in machine.ports() - {(machine.address, PORT)}:
                assert host in (machine.address, LOOPBACK)
                for place, namespace in (("network", outsider), ("host", machine.namespace)):
                    for name, stranger in strangers.items():
                        tried[host] += 1
                        with wired.network.inside(namespace):
                            address = machine.address if place == "network" else host
                            assert is_refused(address, port, stranger), (machine.name, port, name)
                if host == LOOPBACK:  # from elsewhere it is not even there
                    with wired.network.inside(outsider), pytest.raises(ConnectionRefusedError):
                        socket.create_connection((machine.address, port), 5)
        assert all(count >= 2 * len(strangers) for count in tried.values()), tried
        own = inodes_of(laptop.process.pid)
        ours = [s for s in sockets_around(laptop.process.pid) if s.inode in own]
        listening = {one.address for one in ours if one.state == LISTENING}
        assert listening == {LOOPBACK}  # tunnels
        laptop.run("%scale down")
        assert_clean(wired)
    finally:
        laptop.close()


def test_ssh_itself_refuses_outsiders(wired, tmp_path):
    """As a check of the lab: an outsider reaches the machines, and cannot log in."""
    outsider, machine = wired.network.add_outsider(), wired.machines["h1"]
    key = make_key(tmp_path / "foreign")
    command = ["ssh", "-F", "none", "-i", key, "-p", str(PORT), "-o", "BatchMode=yes"]
    command += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    done = subprocess.run(
        ["ip", "netns", "exec", outsider, *command, f"root@{machine.address}", "true"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "Permission denied" in done.stderr, done


def is_refused(host, port, stranger):
    """Tell whether nothing is said to such a caller."""
    try:
        with socket.create_connection((host, port), 5) as plain:
            plain.settimeout(5)
            if stranger is None:
                plain.sendall(bytes(64))
                return is_silent(plain)
            with stranger.wrap_socket(plain) as secure:
                return secure.recv(1) == b""  # with TLS 1.3 the refusal comes after the handshake
    except (ssl.SSLError, ConnectionError):
        return True


def is_silent(plain):
    """Tell whether nothing comes but an alert of TLS, whose first byte is 21."""
    said = plain.recv(1)
    return said in (b"", b"\x15")
