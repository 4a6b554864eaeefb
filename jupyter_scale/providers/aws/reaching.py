"""How an instance is reached by SSH: with the cluster's own keys, and patience while it boots."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from jupyter_scale.providers.aws.keys import ALIAS, known_hosts_path, login_key_path
from jupyter_scale.providers.aws.options import Settings
from jupyter_scale.transport.ssh.config import HostConfig, parse, resolve


def host_of(user: str, address: str) -> str:
    """Return what an instance is called as a machine."""
    return f"{user}@{address}"


def config_of(host: str, settings: Settings, directory: Path) -> HostConfig:
    """Return how an instance is reached.

    Parameters
    ----------
    host : str
        See `host_of`.
    directory : Path
        Of the cluster, where its keys are.

    Raises
    ------
    HostError
        When the jump host's name, or ssh_config, cannot be understood.
    """
    address = parse(host)
    jumps: tuple[HostConfig, ...] = ()
    if settings.jump:
        given = settings.ssh_config
        ssh_config = Path(os.path.expandvars(given)).expanduser() if given else None
        jump = resolve(settings.jump, ssh_config)
        jumps = (*jump.jumps, replace(jump, jumps=()))
    return HostConfig(
        name=host,
        hostname=address.host,
        port=settings.ssh_port,
        user=address.user,
        identity_files=(login_key_path(directory),),
        identities_only=True,
        jumps=jumps,
        user_known_hosts=(known_hosts_path(directory),),
        host_key_alias=ALIAS,
    )
