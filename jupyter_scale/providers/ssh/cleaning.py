"""The environments that hosts of profiles keep: removed side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_scale.environment.cleaning import KeptEnvironment, clean
from jupyter_scale.errors import ClusterError
from jupyter_scale.providers.judging import hosts_of
from jupyter_scale.providers.ssh.asking import AskOnce
from jupyter_scale.providers.ssh.host import SshHost
from jupyter_scale.providers.ssh.options import config_of
from jupyter_scale.transport.ssh.connection import Connection

if TYPE_CHECKING:
    from jupyter_scale.model.profile import Profile
    from jupyter_scale.transport.ssh.authentication import Ask

_AT_ONCE = 32


@dataclass(frozen=True)
class Cleaned:
    """What came of cleaning one host; with an error nothing is known to be removed."""

    host: str
    removed: tuple[KeptEnvironment, ...] = ()
    error: str = ""


def clean_hosts(
    profiles: Sequence[Profile], ask: Ask | None, unused_days: float
) -> Iterator[Cleaned]:
    """Remove environments on all hosts that profiles name, each once; those in use stay.

    Parameters
    ----------
    profiles : sequence of Profile
        Of provider ``ssh``.
    ask : callable or None
        Asks the user for passphrases.
    unused_days : float
        See `jupyter_scale.environment.cleaning.clean`.
    """
    asks = AskOnce(ask)
    homes = {
        host: profile
        for profile in profiles
        for pool in profile.pools
        for host in hosts_of(pool.options.get("hosts"))
    }

    def work(host: str, profile: Profile) -> Cleaned:
        try:
            with Connection.open(config_of(host, profile), ask=asks.for_host()) as connection:
                return Cleaned(host, clean(SshHost(connection), unused_days))
        except ClusterError as error:
            return Cleaned(host, error=str(error))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        jobs = [pool.submit(work, host, profile) for host, profile in homes.items()]
        for job in as_completed(jobs):
            yield job.result()
