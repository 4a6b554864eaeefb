"""Names of hosts, and what settings make of them."""

import getpass
import socket
from pathlib import Path

import pytest

from jupyter_scale.errors import HostError
from jupyter_scale.transport.ssh.config import Address, configure, parse, resolve_with
from jupyter_scale.transport.ssh.configfiles import parse_settings


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("host", Address("host")),
        ("me@host", Address("host", "me")),
        ("host:2222", Address("host", "", 2222)),
        ("me@host:2222", Address("host", "me", 2222)),
        ("me@10.0.0.7:22", Address("10.0.0.7", "me", 22)),
        ("[::1]", Address("::1")),
        ("[::1]:2222", Address("::1", "", 2222)),
        ("me@[fe80::1%eth0]:22", Address("fe80::1%eth0", "me", 22)),
        ("::1", Address("::1")),
        ("me@2001:db8::7", Address("2001:db8::7", "me")),
        ("domain\\me@host", Address("host", "domain\\me")),
        ("me@corp@host", Address("host", "me@corp")),
        ("node_1", Address("node_1")),
    ],
)
def test_names(name, address):
    assert parse(name) == address


@pytest.mark.parametrize(
    "name",
    ["", " ", "a b", "-oProxyCommand=x", "me@-x", "-l@host", "@host", "host:", "host:x", "host:0",
     "host:65536", "[::1", "[::1]:", "[::1]x", "a/b", "$(x)", "a;b", "a'b", "ssh://host"],
)  # fmt: skip
def test_what_is_no_name(name):
    with pytest.raises(HostError) as caught:
        parse(name)
    assert caught.value.step == "configuration"


def made(address=None, **settings):
    return configure("alias", address or Address("alias"), settings)


def test_without_any_settings():
    config = made()
    assert (config.hostname, config.port, config.user) == ("alias", 22, getpass.getuser())
    names = [path.name for path in config.identity_files]
    assert names == ["id_ed25519", "id_ecdsa", "id_rsa"]
    assert config.user_known_hosts == (Path.home() / ".ssh" / "known_hosts",)
    assert config.connect_timeout_s is None
    assert config.family == socket.AF_UNSPEC


def test_the_name_goes_before_the_settings():
    config = made(Address("alias", "me", 2222), user=["other"], port=["22"], hostname=["h"])
    assert (config.hostname, config.port, config.user) == ("h", 2222, "me")


@pytest.mark.parametrize(
    ("settings", "attribute", "value"),
    [
        ({"identityfile": ["/keys/%r@%h-%n-%p"]}, "identity_files", (Path("/keys/u@h-alias-7"),)),
        (
            {"identityfile": ["~/a", "%d/b"]},
            "identity_files",
            (Path.home() / "a", Path.home() / "b"),
        ),
        ({"identityfile": ["none"]}, "identity_files", ()),
        ({"identitiesonly": ["yes"]}, "identities_only", True),
        ({"identitiesonly": ["no"]}, "identities_only", False),
        ({"identityagent": ["none"]}, "agent", ""),
        ({"identityagent": ["/a gent"]}, "agent", "/a gent"),
        ({"identityagent": ["$MY_AGENT"]}, "agent", "/mine"),
        ({"identityagent": ["SSH_AUTH_SOCK"]}, "agent", "/auth"),
        ({}, "agent", "/auth"),
        ({"proxycommand": ["nc %h %p %%x"]}, "proxy_command", "nc h 7 %x"),
        ({"proxycommand": ["none"]}, "proxy_command", ""),
        ({"userknownhostsfile": ["/a", "/b"]}, "user_known_hosts", (Path("/a"), Path("/b"))),
        ({"globalknownhostsfile": ["none"]}, "global_known_hosts", ()),
        ({"hostkeyalias": ["The-Alias"]}, "known_names", ("the-alias",)),
        ({}, "known_names", ("[h]:7", "h")),
        ({"hostname": ["HOST"]}, "known_names", ("[host]:7", "host")),
        ({"port": ["22"]}, "known_names", ("h",)),
        ({"connecttimeout": ["3"]}, "connect_timeout_s", 3.0),
        ({"connecttimeout": ["none"]}, "connect_timeout_s", None),
        ({"addressfamily": ["inet6"]}, "family", socket.AF_INET6),
        ({"addressfamily": ["any"]}, "family", socket.AF_UNSPEC),
        ({"hostname": ["::1"]}, "place", "[::1]:7"),
        ({}, "place", "h:7"),
    ],
)
def test_settings(monkeypatch, settings, attribute, value):
    monkeypatch.setenv("SSH_AUTH_SOCK", "/auth")
    monkeypatch.setenv("MY_AGENT", "/mine")
    config = made(**{"hostname": ["h"], "port": ["7"], "user": ["u"], **settings})
    assert getattr(config, attribute) == value


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"port": ["x"]}, "ssh_config is wrong"),
        ({"connecttimeout": ["soon"]}, "ssh_config is wrong"),
        ({"revokedhostkeys": ["/revoked"]}, "RevokedHostKeys"),
    ],
)
def test_settings_that_are_refused(settings, said):
    with pytest.raises(HostError, match=said):
        made(**settings)


HOSTS = {
    "a": {},
    "b": {"proxyjump": ["a"]},
    "c": {"proxyjump": ["b"]},
    "list": {"proxyjump": ["a, me@x:2222 ,b"]},
    "none": {"proxyjump": ["none"]},
    "self": {"proxyjump": ["self"]},
    "ring": {"proxyjump": ["gnir"]},
    "gnir": {"proxyjump": ["ring"]},
    "after": {"proxyjump": ["c,list"]},
    "x": {"proxycommand": ["unused"]},
}


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("a", []),
        ("b", ["a"]),
        ("c", ["a", "b"]),
        ("list", ["a", "x", "b"]),
        ("none", []),
        ("after", ["a", "b", "c", "list"]),
    ],
)
def test_ways(name, way):
    config = resolve_with(lambda _, address: HOSTS[address.host], name)
    assert [hop.hostname for hop in config.jumps] == way
    assert all(hop.jumps == () for hop in config.jumps)
    assert not any(hop.proxy_command for hop in config.jumps[1:])


@pytest.mark.parametrize("name", ["self", "ring"])
def test_ways_that_go_round(name):
    with pytest.raises(HostError, match="leads back to itself"):
        resolve_with(lambda _, address: HOSTS[address.host], name)


def test_what_openssh_prints():
    text = "user me\nhostname h\nidentityfile ~/a b\nidentityfile ~/c\nuserknownhostsfile /a /b\n"
    assert parse_settings(text) == {
        "user": ["me"],
        "hostname": ["h"],
        "identityfile": ["~/a b", "~/c"],
        "userknownhostsfile": ["/a", "/b"],
    }
