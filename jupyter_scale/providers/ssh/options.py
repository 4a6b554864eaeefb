"""What a profile of provider ``ssh`` may say, and what its hosts are called."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from jupyter_scale.errors import HostError, ProfileError
from jupyter_scale.model.profile import Option, Profile, Value
from jupyter_scale.transport.ssh.config import HostConfig, parse, resolve

CLUSTER_OPTIONS: Mapping[str, Option] = {
    "ssh_config": Option("text", "the path of a file as ~/.ssh/config"),
    "known_hosts": Option("text", "the path of a file as ~/.ssh/known_hosts"),
    "network": Option("text", 'the network between the nodes such as "10.0.0.0/24"'),
    "scheduler": Option("text", "one of the hosts"),
    "scheduler_port": Option("integer", "a port from 1 to 65535", minimum=1, maximum=65535),
}
POOL_OPTIONS: Mapping[str, Option] = {
    "hosts": Option(
        "texts", "a list of names of ssh_config, or of [user@]host[:port]", required=True
    ),
    "python": Option("text", "the path of a Python there that has all packages"),
    "worker_preload": Option("texts", "a list of modules that workers import at their start"),
}


@dataclass(frozen=True)
class Place:
    """A host of a profile.

    Attributes
    ----------
    name : str
        The node's name: the host without user and port, unique in the cluster.
    host : str
        As the profile says it.
    pool : str
        Its pool.
    """

    name: str
    host: str
    pool: str


def hosts_of(options: Mapping[str, Value]) -> tuple[str, ...]:
    """Return the hosts of a pool.

    Raises
    ------
    ProfileError
        When there are none, or one cannot be a host's name.
    """
    hosts = cast("tuple[str, ...]", options.get("hosts", ()))
    if not hosts:
        raise ProfileError("A pool of provider 'ssh' needs hosts, and has none.", key="hosts")
    for host in hosts:
        try:
            parse(host)
        except HostError as error:
            raise ProfileError(str(error), key="hosts") from None
    return hosts


def places_of(profile: Profile) -> list[Place]:
    """Return all hosts of a profile, in its order.

    Raises
    ------
    ProfileError
        When a host is named twice, or the network or the scheduler's host is none.
    """
    places = list(_named(profile))
    hosts = [place.host for place in places]
    if twice := next((host for host in hosts if hosts.count(host) > 1), None):
        raise ProfileError(f"Host {twice!r} is there twice: a node is one machine.", key="hosts")
    scheduler = profile.options.get("scheduler")
    if scheduler is not None and scheduler not in hosts:
        raise ProfileError(f"scheduler = {scheduler!r} is none of the hosts: {', '.join(hosts)}.")
    try:
        ipaddress.ip_network(str(profile.options.get("network", "0.0.0.0/0")))
    except ValueError as error:
        raise ProfileError(f"network: {error}; expected one such as '10.0.0.0/24'.") from None
    return places


def _named(profile: Profile) -> Iterator[Place]:
    taken: set[str] = set()
    for pool in profile.pools:
        for host in hosts_of(pool.options):
            bare = parse(host).host.replace("/", "-")
            numbered = (f"{bare}-{number}" for number in range(2, 10**6))
            name = bare if bare not in taken else next(n for n in numbered if n not in taken)
            taken.add(name)
            yield Place(name, host, pool.name)


def config_of(host: str, profile: Profile) -> HostConfig:
    """Return how a host is reached.

    Raises
    ------
    HostError
        When its name, or ssh_config, cannot be understood.
    """
    ssh_config = _path(profile.options.get("ssh_config"))
    config = resolve(host, ssh_config)
    known_hosts = _path(profile.options.get("known_hosts"))
    if known_hosts is None:
        return config
    jumps = tuple(replace(jump, user_known_hosts=(known_hosts,)) for jump in config.jumps)
    return replace(config, user_known_hosts=(known_hosts,), jumps=jumps)


def _path(value: Value | None) -> Path | None:
    return None if value is None else Path(os.path.expandvars(str(value))).expanduser()
