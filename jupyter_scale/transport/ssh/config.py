"""What is known of a host before it is called: its address, its keys, and the way to it.

A name is what a user writes in a profile: an alias of ssh_config, or ``[user@]host[:port]``, with
an IPv6 address in brackets where a port follows. ssh_config decides the rest, as for ``ssh``.

Some of what ssh_config can say is not followed, on purpose:

- ``StrictHostKeyChecking no`` and ``accept-new``: nobody watches a cluster start, so a host whose
  key is not known is always refused.
- ``PasswordAuthentication``, ``KbdInteractiveAuthentication``: only keys are offered.
- ``Ciphers``, ``MACs``, ``KexAlgorithms``, ``HostKeyAlgorithms``: those of `connection` hold.
- ``RevokedHostKeys``: refused, as ignoring it would trust what the user revoked.
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from jupyter_scale.errors import HostError
from jupyter_scale.transport.ssh.configfiles import ask_openssh, read_files

Settings = Mapping[str, Sequence[str]]
"""Option, in lower case, → its values in order; what is not set may be absent."""

SSH_PORT = 22
_LAST_PORT = 65535
# A name that begins with a dash would be an option of ssh.
_PLAIN = re.compile(r"(?P<host>[\w.+%~,=][\w.+%~,=-]*)(?::(?P<port>\d+))?")
_BRACKETED = re.compile(r"\[(?P<host>[\w:.%-]+)\](?::(?P<port>\d+))?")
_BARE_IPV6 = re.compile(r"(?P<host>[\da-fA-F:.]*:[\da-fA-F.]*:[\da-fA-F:.]*(?:%[\w.-]+)?)")
_DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
_FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}


@dataclass(frozen=True)
class Address:
    """What a name says by itself."""

    host: str
    user: str = ""
    port: int | None = None


@dataclass(frozen=True)
class HostConfig:
    """All that is needed to connect to a host.

    Attributes
    ----------
    name : str
        As the user wrote it, for messages.
    hostname : str
        What is looked up and connected to.
    port : int
        Of its sshd.
    user : str
        Who logs in there.
    identity_files : tuple of Path
        Private keys to offer, in order; some may not exist.
    identities_only : bool
        Whether the agent's other keys are kept back.
    agent : str
        The socket of the SSH agent; empty for none.
    jumps : tuple of HostConfig
        Hosts on the way, the nearest first; each is called through the one before.
    proxy_command : str
        A shell command whose standard input and output lead to the host; empty for none.
    user_known_hosts, global_known_hosts : tuple of Path
        Where the keys of hosts are found; a new one belongs into the first.
    host_key_alias : str
        The name under which its key is found there, if another.
    connect_timeout_s : float or None
        For the TCP connection, if ssh_config says so.
    family : int
        Kind of addresses to use, as for `socket.getaddrinfo`.
    """

    name: str
    hostname: str
    port: int = SSH_PORT
    user: str = ""
    identity_files: tuple[Path, ...] = ()
    identities_only: bool = False
    agent: str = ""
    jumps: tuple[HostConfig, ...] = ()
    proxy_command: str = ""
    user_known_hosts: tuple[Path, ...] = ()
    global_known_hosts: tuple[Path, ...] = ()
    host_key_alias: str = ""
    connect_timeout_s: float | None = None
    family: int = socket.AF_UNSPEC

    @property
    def place(self) -> str:
        """Return the host and port that are connected to, for messages."""
        host = f"[{self.hostname}]" if ":" in self.hostname else self.hostname
        return f"{host}:{self.port}"

    @property
    def known_names(self) -> tuple[str, ...]:
        """Return the names under which its key may be found, that for a new line first."""
        if self.host_key_alias:
            return (self.host_key_alias.lower(),)
        host = self.hostname.lower()
        return (host,) if self.port == SSH_PORT else (f"[{host}]:{self.port}", host)


def parse(name: str) -> Address:
    """Return what a name says.

    Raises
    ------
    HostError
        When it is none.
    """
    user, at, rest = name.rpartition("@")
    match = _BRACKETED.fullmatch(rest) or _PLAIN.fullmatch(rest) or _BARE_IPV6.fullmatch(rest)
    is_user = not at or re.fullmatch(r"[^\s-]\S*", user) is not None
    if match is None or not is_user:
        raise HostError(name, "configuration", "this is no name of a host", _EXPECTED)
    digits = match.groupdict().get("port")
    port = int(digits) if digits else None
    if port is not None and not 0 < port <= _LAST_PORT:
        raise HostError(name, "configuration", f"there is no port {port}", _EXPECTED)
    return Address(match["host"], user, port)


_EXPECTED = "Write a name from ssh_config, or [user@]host[:port], for instance me@10.0.0.7:2222."


def resolve(name: str, ssh_config: Path | None = None) -> HostConfig:
    """Return what ssh_config makes of a name; OpenSSH itself is asked where it is installed.

    Parameters
    ----------
    name : str
        See this module.
    ssh_config : Path or None
        Read instead of the user's and the system's own.

    Raises
    ------
    HostError
        When the name or a file cannot be understood, or jumps go in circles.
    """
    ssh = shutil.which("ssh")
    if ssh is None:
        return resolve_with(partial(read_files, ssh_config), name)
    return resolve_with(partial(ask_openssh, ssh, ssh_config), name)


def resolve_with(read: Callable[[str, Address], Settings], name: str) -> HostConfig:
    """Return what a way to read ssh_config makes of a name."""
    return _resolve(read, name, ())


def _resolve(
    read: Callable[[str, Address], Settings], name: str, seen: tuple[tuple[str, str, int], ...]
) -> HostConfig:
    settings = read(name, parse(name))
    config = configure(name, parse(name), settings)
    place = (config.user, config.hostname.lower(), config.port)
    if place in seen:
        raise HostError(
            name,
            "configuration",
            "its ProxyJump leads back to itself",
            f"Give {name} a section with 'ProxyJump none' in ssh_config, before the general one.",
        )
    hops: list[HostConfig] = []
    for hop in _jumps(settings):
        if not hops:
            first = _resolve(read, hop, (*seen, place))
            hops += [*first.jumps, replace(first, jumps=())]
        else:  # the list says through whom it is called; its own ProxyJump does not count
            settings_there = {**read(hop, parse(hop)), "proxycommand": ()}
            hops.append(configure(hop, parse(hop), settings_there))
    return replace(config, jumps=tuple(hops))


def configure(name: str, address: Address, settings: Settings) -> HostConfig:
    """Return the configuration that settings make, without its jumps.

    Raises
    ------
    HostError
        When a value is none, or asks for what we cannot do.
    """

    def last(option: str, default: str = "") -> str:
        values = settings.get(option, ())
        return default if not values or values[-1].lower() == "none" else values[-1]

    if last("revokedhostkeys"):
        raise HostError(
            name,
            "configuration",
            "its RevokedHostKeys in ssh_config cannot be read here",
            "Mark the keys as @revoked in known_hosts instead.",
        )
    hostname = last("hostname", address.host)
    user = address.user or last("user") or getpass.getuser()
    try:
        port = address.port or int(last("port", str(SSH_PORT)))
        timeout = last("connecttimeout")
        connect_timeout_s = float(timeout) if timeout else None
    except ValueError as error:
        raise HostError(name, "configuration", f"ssh_config is wrong: {error}") from error
    tokens = {
        "%": "%",
        "d": str(Path.home()),
        "h": hostname,
        "k": last("hostkeyalias", address.host),
        "n": address.host,
        "p": str(port),
        "r": user,
        "u": getpass.getuser(),
    }

    def paths(option: str, default: Sequence[str]) -> tuple[Path, ...]:
        values = settings.get(option) or default
        return tuple(Path(_expand(v, tokens)) for v in values if v.lower() != "none")

    return HostConfig(
        name=name,
        hostname=hostname,
        port=port,
        user=user,
        identity_files=paths("identityfile", [f"~/.ssh/{key}" for key in _DEFAULT_KEYS]),
        identities_only=last("identitiesonly") in {"yes", "true"},
        agent=_agent(settings, tokens),
        proxy_command=_fill(last("proxycommand"), tokens),
        user_known_hosts=paths("userknownhostsfile", ["~/.ssh/known_hosts"]),
        global_known_hosts=paths("globalknownhostsfile", ["/etc/ssh/ssh_known_hosts"]),
        host_key_alias=last("hostkeyalias"),
        connect_timeout_s=connect_timeout_s,
        family=_FAMILIES.get(last("addressfamily"), socket.AF_UNSPEC),
    )


def _jumps(settings: Settings) -> list[str]:
    values = settings.get("proxyjump", ())
    names = values[-1].split(",") if values else []
    return [name.strip().removeprefix("ssh://") for name in names if name.strip().lower() != "none"]


def _agent(settings: Settings, tokens: Mapping[str, str]) -> str:
    value = (settings.get("identityagent") or ("SSH_AUTH_SOCK",))[-1]
    if value.lower() == "none":
        return ""
    if value == "SSH_AUTH_SOCK" or value.startswith("$"):
        return os.environ.get(value.strip("${}"), "")
    return _expand(value, tokens)


def _expand(value: str, tokens: Mapping[str, str]) -> str:
    return str(Path(_fill(value, tokens)).expanduser())


def _fill(value: str, tokens: Mapping[str, str]) -> str:
    """Return a value with its percent tokens replaced; an unknown one stays."""
    return re.sub(r"%(.)", lambda match: tokens.get(match[1], match[0]), value)
