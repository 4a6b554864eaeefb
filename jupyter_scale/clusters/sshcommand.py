"""The command with which a user enters a node's machine, for OpenSSH. Pure."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from jupyter_scale.errors import ScaleError
from jupyter_scale.model.cluster import NodeState
from jupyter_scale.model.profile import Profile
from jupyter_scale.transport.ssh.config import parse


def ssh_command(node: NodeState, profile: Profile, directory: Path) -> str:
    """Return the command that leads to a node; empty for one on this computer.

    Parameters
    ----------
    directory : Path
        Of the cluster: a rented machine is entered with keys that are there.
    """
    machine = node.machine
    if machine is None or not machine.host:
        return ""
    try:
        address = parse(machine.host)
    except ScaleError:
        return ""
    options = _rented(profile, directory) if machine.rental else _own(profile)
    port = address.port or (profile.options.get("ssh_port") if machine.rental else None)
    if port and port != 22:  # noqa: PLR2004 - the port of SSH
        options += ["-p", str(port)]
    who = f"{address.user}@{address.host}" if address.user else address.host
    return shlex.join(["ssh", *options, who])


def _own(profile: Profile) -> list[str]:
    options = []
    if config := profile.options.get("ssh_config"):
        options += ["-F", _path(config)]
    if known_hosts := profile.options.get("known_hosts"):
        options += ["-o", f"UserKnownHostsFile={_path(known_hosts)}"]
    return options


def _rented(profile: Profile, directory: Path) -> list[str]:
    from jupyter_scale.providers.aws.keys import ALIAS, known_hosts_path, login_key_path

    options = ["-i", str(login_key_path(directory)), "-o", "IdentitiesOnly=yes"]
    options += ["-o", f"UserKnownHostsFile={known_hosts_path(directory)}"]
    options += ["-o", f"HostKeyAlias={ALIAS}"]
    if jump := profile.options.get("jump"):
        if config := profile.options.get("ssh_config"):
            options += ["-F", _path(config)]
        options += ["-J", str(jump)]
    return options


def _path(value: object) -> str:
    return str(Path(os.path.expandvars(str(value))).expanduser())
