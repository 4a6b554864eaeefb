"""Logging in to a host, with keys only."""

from __future__ import annotations

import os
from collections.abc import Callable

import paramiko
from paramiko.agent import AgentKey

from jupyter_scale.errors import HostError
from jupyter_scale.transport.ssh import identities
from jupyter_scale.transport.ssh.config import HostConfig
from jupyter_scale.transport.ssh.identities import Agent, KeyFile
from jupyter_scale.transport.ssh.wire import Wire

Ask = Callable[[str], str]
"""Asks the user for a passphrase, given a prompt; an empty answer leaves that key out."""

_QUESTIONS = 3


class _Login:
    """One try to log in: what was offered, and what became of it."""

    def __init__(self, wire: Wire, config: HostConfig, shown: str, ask: Ask | None) -> None:
        self._wire, self._config, self._shown, self._ask = wire, config, shown, ask
        self._notes: list[str] = []
        self._has_locked = self._is_key_allowed = False

    def run(self, agent: Agent) -> None:
        files = []
        for path in self._config.identity_files:
            try:
                found = identities.read(path)
            except OSError as error:
                self._notes.append(f"{path}: {error.strerror}")
                continue
            if found is not None:
                files.append(found)
        only = self._config.identities_only
        for key in identities.choose(agent.get_keys(), files, identities_only=only):
            if self._offer(key):
                return
        raise self._failure()

    def _offer(self, key: AgentKey | KeyFile) -> bool:
        """Tell whether the host takes a key."""
        what = str(key.path) if isinstance(key, KeyFile) else f"{key.comment} (of the agent)"
        opened = self._open(key) if isinstance(key, KeyFile) else key
        if opened is None:
            return False
        try:
            wanted_too = self._wire.auth_publickey(self._config.user, opened)
        except paramiko.BadAuthenticationType as error:
            ways = ", ".join(error.allowed_types)
            raise self._error(
                f"it lets {self._config.user} in by {ways} only, and only keys are used here",
                "Put your public key into ~/.ssh/authorized_keys there.",
            ) from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            self._is_key_allowed = True
            if not self._wire.is_active():
                raise self._failure("it hung up; it may allow fewer tries") from error
            said = "" if type(error) is paramiko.AuthenticationException else f" ({error})"
            self._notes.append(f"{what}: not accepted{said}")
            return False
        if wanted_too:
            raise self._error(
                f"it took {what}, and also wants {', '.join(wanted_too)}",
                "Hosts that ask for more than a key cannot be used.",
            )
        return True

    def _open(self, key: KeyFile) -> paramiko.PKey | None:
        """Return a key that can sign, None when it stays closed."""
        try:
            if not key.is_locked:
                return identities.load(key)
            if self._ask is None:
                self._has_locked = True
                self._notes.append(f"{key.path}: needs its passphrase, and nobody can be asked")
                return None
            return self._unlock(key, self._ask)
        except (OSError, ValueError) as error:
            self._notes.append(f"{key.path}: {error}")
        return None

    def _unlock(self, key: KeyFile, ask: Ask) -> paramiko.PKey | None:
        prompt = f"Passphrase for {key.path}: "
        for _ in range(_QUESTIONS):
            if not (passphrase := ask(prompt)):
                self._notes.append(f"{key.path}: no passphrase was given")
                return None
            try:
                return identities.load(key, passphrase)
            except identities.WrongPassphrase:
                prompt = f"That was wrong. Passphrase for {key.path}: "
        self._notes.append(f"{key.path}: the passphrase is wrong")
        return None

    def _failure(self, why: str = "") -> HostError:
        if not self._notes and not why:
            place = "has no keys" if self._config.agent else "is none (SSH_AUTH_SOCK is not set)"
            looked = ", ".join(str(path) for path in self._config.identity_files) or "no files"
            return self._error(
                f"there is no key to log in with: the agent {place}, and looked at were {looked}",
                "Name a key with IdentityFile in ssh_config, or add one with ssh-add.",
            )
        tried = "".join(f"\n    {note}" for note in self._notes)
        advice = "Put the public key into ~/.ssh/authorized_keys there, or name the right user."
        if self._has_locked:
            advice = "Unlock the key with ssh-add first."
        why = why or f"it lets {self._config.user} not in with any of the keys"
        return self._error(why + tried, advice)

    def _error(self, why: str, next_step: str) -> HostError:
        return HostError(self._shown, "authentication", why, next_step)


def log_in(wire: Wire, config: HostConfig, shown: str, ask: Ask | None, timeout_s: float) -> None:
    """Log in with a key of the agent or of a file.

    Parameters
    ----------
    wire
        Connected, with a host whose key is trusted.
    config
        Who logs in, and with what.
    shown : str
        The host's name for messages.
    ask : callable or None
        Asks for passphrases.
    timeout_s : float
        For each key that is offered.

    Raises
    ------
    HostError
        When no key is accepted.
    """
    wire.auth_timeout = timeout_s
    agent = Agent(os.path.expanduser(config.agent))  # noqa: PTH111 - empty means none
    try:
        _Login(wire, config, shown, ask).run(agent)
    finally:
        agent.close()
