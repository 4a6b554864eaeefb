"""Hosts behind hosts: ProxyJump over one and two hops, and what is said when one fails."""

import threading

import pytest

from jupyter_scale.errors import HostError, HostKeyError
from jupyter_scale.transport.ssh.commands import run
from jupyter_scale.transport.ssh.config import resolve
from jupyter_scale.transport.ssh.tunnel import Tunnel
from sshlab import PORT, SshLab


@pytest.fixture(scope="module")
def way(possible, tmp_path_factory):
    """Three machines, and names for the way from one to the next."""
    lab = SshLab(tmp_path_factory.mktemp("way"))
    for _ in range(3):
        lab.add()
    h2, h3 = lab.machines["h2"].address, lab.machines["h3"].address
    lab.configure("second", HostName=h2, Port=PORT, ProxyJump="h1")
    lab.configure("third", HostName=h3, Port=PORT, ProxyJump="second")
    lab.configure("listed", HostName=h3, Port=PORT, ProxyJump="h1,h2")
    yield lab
    lab.close()


def hostname(connection):
    return run(connection, ["hostname"], timeout_s=10).stdout.decode().strip()


def callers(machine):
    """Return the addresses that have logged in to a machine."""
    lines = machine.log().splitlines()
    return {line.split(" from ")[1].split()[0] for line in lines if "Accepted publickey" in line}


@pytest.mark.parametrize("name", ["third", "listed"])
def test_two_hops(way, connect, name):
    config = resolve(name, way.ssh_config)
    assert [hop.hostname for hop in config.jumps] == [
        way.machines["h1"].address,
        way.machines["h2"].address,
    ]
    steps = []
    others = set(threading.enumerate())
    connection = connect(way, name, on_step=lambda host, step: steps.append(host))
    assert hostname(connection) == "h3"
    assert connection.is_alive()
    assert steps[0].endswith(f"(jump 1 of 2 to {name})")
    assert steps[-1] == name
    own = set(threading.enumerate()) - others
    assert len(own) == 3  # each hop's
    connection.close()
    assert not any(thread.is_alive() for thread in own)


def test_bytes_pass_two_hops(way, connect, peer):
    connection = connect(way, "third")
    data = bytes(range(256)) * (1 << 14)
    assert run(connection, ["cat"], input=data, timeout_s=30).stdout == data
    with Tunnel.open(connection, "127.0.0.1", peer.echo) as tunnel:
        tunnel.check()


def test_a_hop_that_is_down(way, connect):
    way.configure("gone", HostName=way.machines["h1"].address, Port=1)
    way.configure("behind", HostName=way.machines["h2"].address, Port=PORT, ProxyJump="h1,gone")
    with pytest.raises(HostError, match=r"gone \(jump 2 of 2 to behind\): .*refused") as caught:
        connect(way, "behind")
    assert caught.value.step == "connect"


def test_a_target_that_the_hop_cannot_name(way, connect):
    way.configure("unnamed", HostName="no-such-host.invalid", Port=PORT, ProxyJump="h1")
    with pytest.raises(HostError, match=r"unnamed: the host before it cannot connect to no-such"):
        connect(way, "unnamed")


def test_a_hop_whose_key_is_unknown(way, connect, tmp_path):
    empty = tmp_path / "empty"
    way.configure("unsure", HostName=way.machines["h1"].address, Port=PORT,
                  UserKnownHostsFile=empty)  # fmt: skip
    way.configure("past", HostName=way.machines["h2"].address, Port=PORT, ProxyJump="unsure")
    with pytest.raises(HostKeyError, match=r"unsure \(jump 1 of 1 to past\): its .* is not known"):
        connect(way, "past")


def test_a_hop_that_lets_nothing_through(fresh, connect):
    gate, inner = fresh.add(options="AllowTcpForwarding no"), fresh.add()
    fresh.configure("inner", HostName=inner.address, Port=PORT, ProxyJump=gate.name)
    with pytest.raises(HostError, match="AllowTcpForwarding"):
        connect(fresh, "inner")


def test_circles(way):
    way.configure("chicken", HostName="127.0.0.1", ProxyJump="egg")
    way.configure("egg", HostName="127.0.0.2", ProxyJump="chicken")
    with pytest.raises(HostError, match=r"ProxyJump leads back to itself(.|\n)*ProxyJump none"):
        resolve("chicken", way.ssh_config)
