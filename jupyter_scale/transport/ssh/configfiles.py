"""ssh_config, read in two ways: by OpenSSH itself, or without it as far as that goes."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import paramiko

from jupyter_scale.errors import HostError

if TYPE_CHECKING:
    from jupyter_scale.transport.ssh.config import Address

_ASK_TIMEOUT_S = 15.0
_LISTS = ("userknownhostsfile", "globalknownhostsfile")
_SYSTEM_FILE = Path("/etc/ssh/ssh_config")


def ask_openssh(
    ssh: str, ssh_config: Path | None, name: str, address: Address
) -> dict[str, list[str]]:
    """Return the settings that ``ssh -G`` prints: every option, with its default where unset.

    Raises
    ------
    HostError
        When OpenSSH refuses the file, or takes longer than 15 s.
    """
    command = [ssh, "-G"]
    command += ["-F", str(ssh_config)] if ssh_config else []
    command += ["-l", address.user] if address.user else []
    command += ["-p", str(address.port)] if address.port else []
    try:
        done = subprocess.run(
            [*command, "--", address.host],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ASK_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        why = f"reading ssh_config took longer than {_ASK_TIMEOUT_S:.0f} s"
        raise HostError(name, "configuration", why, f"Try: ssh -G {name}") from error
    if done.returncode:
        said = done.stderr.strip() or f"ssh -G ended with status {done.returncode}"
        raise HostError(name, "configuration", f"ssh_config is refused: {said}")
    return parse_settings(done.stdout)


def parse_settings(text: str) -> dict[str, list[str]]:
    """Return what ``ssh -G`` printed as ``option → values``."""
    settings: dict[str, list[str]] = {}
    for line in text.splitlines():
        option, _, value = line.partition(" ")
        values = value.split() if option in _LISTS else [value]
        settings.setdefault(option.lower(), []).extend(values)
    return settings


def read_files(ssh_config: Path | None, name: str, address: Address) -> dict[str, list[str]]:
    """Return what ssh_config sets for a host, as far as it can be read without OpenSSH.

    Raises
    ------
    HostError
        When a file uses what only OpenSSH can follow, or is wrong.
    """
    files = [ssh_config] if ssh_config else [Path.home() / ".ssh" / "config", _SYSTEM_FILE]
    text = ""
    for path in files:
        try:
            lines = path.read_text(errors="replace")
        except FileNotFoundError:
            if ssh_config is None:
                continue
            raise HostError(name, "configuration", f"there is no file {path}") from None
        except OSError as error:
            why = f"{path} cannot be read: {error.strerror}"
            raise HostError(name, "configuration", why) from error
        _refuse_what_needs_openssh(name, path, lines)
        text += f"Host *\n{lines}\n"
    try:
        found: Mapping[str, Any] = paramiko.SSHConfig.from_text(text).lookup(address.host)
    except (paramiko.SSHException, ValueError) as error:
        why = f"ssh_config is wrong: {error}"
        raise HostError(name, "configuration", why) from error
    settings = {}
    for option, value in found.items():
        one = [value] if isinstance(value, str) else list(value)
        settings[option] = one[0].split() if option in _LISTS else one
    return settings


def _refuse_what_needs_openssh(name: str, path: Path, text: str) -> None:
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.replace("=", " ").lower().split()
        if not words:
            continue
        is_exec = words[0] == "match" and "exec" in words
        if words[0] == "include" or is_exec:
            what = "Match exec" if is_exec else "Include"
            raise HostError(
                name,
                "configuration",
                f"{path}:{number} has '{what}', which only OpenSSH can follow",
                "Install OpenSSH's ssh command on this machine, or leave that line out.",
            )
