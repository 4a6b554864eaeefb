"""How an instance is reached by SSH: with the cluster's own keys, and patience while it boots."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_scale.errors import AwsError, HostError, InstanceGone
from jupyter_scale.providers.aws import journal as journals
from jupyter_scale.providers.aws.cloud import Cloud
from jupyter_scale.providers.aws.keys import ALIAS, known_hosts_path, login_key_path
from jupyter_scale.providers.aws.network import Doorway
from jupyter_scale.providers.aws.options import Settings, settings_of
from jupyter_scale.providers.provider import Request
from jupyter_scale.transport.ssh.config import HostConfig, parse, resolve
from jupyter_scale.transport.ssh.connection import Connection

if TYPE_CHECKING:
    from jupyter_scale.providers.provider import Ask
    from jupyter_scale.providers.ssh.machines import OnStep

_TRY_AGAIN_S = 1.0
_FOLLOW_EVERY_S = 20.0


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


class Access:
    """Opens connections to instances, also to those that boot, and from whatever network.

    Parameters
    ----------
    cloud_of : callable
        Returns where the instances of such settings are.
    why_gone : callable
        Returns why an instance has gone, an empty text when it has not.
    was_reached : callable
        Tells whether an instance has been logged in to before.

    Attributes
    ----------
    closing : Event
        Set while nothing is to be waited for.
    """

    def __init__(
        self,
        cloud_of: Callable[[Settings], Cloud],
        why_gone: Callable[[str], str],
        was_reached: Callable[[str], bool],
    ) -> None:
        self._cloud_of, self._why_gone, self._was_reached = cloud_of, why_gone, was_reached
        self.closing = threading.Event()
        self._followed_at = -_FOLLOW_EVERY_S
        self._lock = threading.Lock()

    def connect(self, host: str, request: Request, ask: Ask | None, on_step: OnStep) -> Connection:
        """Return a connection to an instance; one that boots is waited for.

        Raises
        ------
        ClusterError
            When there can be none.
        """
        settings = settings_of(request.profile)
        config = config_of(host, settings, request.directory)
        deadline = time.monotonic() + settings.boot_timeout_s
        while True:
            if why := self._why_gone(host):
                raise InstanceGone(f"the instance {host}", why)
            try:
                return Connection.open(config, ask=ask, on_step=on_step)
            except HostError as error:
                if error.step == "connect":
                    self._follow(request, settings)
                if self._was_reached(host) or self.closing.is_set():
                    raise
                if time.monotonic() > deadline:
                    raise _never_reached(host, settings, error) from error
                on_step(host, f"boots ({error.step})")
            self.closing.wait(_TRY_AGAIN_S)

    def _follow(self, request: Request, settings: Settings) -> None:
        """Let this machine in from where it is now: its network may be another one."""
        with self._lock:
            if time.monotonic() - self._followed_at < _FOLLOW_EVERY_S:
                return
            self._followed_at = time.monotonic()
        with contextlib.suppress(AwsError):  # why it cannot be reached is said anyhow
            journal = journals.load(request.directory)
            if journal is not None:
                door = Doorway(self._cloud_of(settings), settings, request.directory, "", ())
                door.follow(journal)


def _never_reached(host: str, settings: Settings, error: HostError) -> AwsError:
    return AwsError(
        f"the instance {host}",
        f"it could not be reached for {settings.boot_timeout_s:.0f} s: {error.why}",
        "Does its subnet have a way to here, and does ssh_from, if the profile says it, hold this"
        " machine's address? `aws ec2 get-console-output` shows how it booted.",
    )
