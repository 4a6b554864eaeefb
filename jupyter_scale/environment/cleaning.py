"""The environments that hosts keep for the next start: listed, and removed."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_scale.environment.host import Host, OnStep, ask


@dataclass(frozen=True)
class KeptEnvironment:
    """An environment on a host.

    Parameters
    ----------
    hash : str
        That of its lock.
    path : str
        Where it is.
    size_bytes : int
        What its files take; those that it shares with others count.
    unused_days : float
        How long nobody has asked for it.
    is_complete, is_used : bool
        Whether it can be used, and whether a process uses it now (known on Linux only).
    """

    hash: str
    path: str
    size_bytes: int
    unused_days: float
    is_complete: bool
    is_used: bool


def list_environments(host: Host, cache: str = "") -> tuple[KeptEnvironment, ...]:
    """Return what a host keeps.

    Raises
    ------
    EnvironmentFailed, ClusterError
        See `jupyter_scale.environment.host.ask`.
    """
    answer = ask(host, {"op": "list", "cache": cache})
    return tuple(KeptEnvironment(**one) for one in answer["environments"])


def clean(
    host: Host, unused_days: float, cache: str = "", on_step: OnStep = lambda _: None
) -> tuple[KeptEnvironment, ...]:
    """Remove environments, and return what was removed; those in use stay.

    Parameters
    ----------
    host : Host
        The node.
    unused_days : float
        Only those that nobody has asked for so long. 0 removes all, and when none is left also
        everything else that jupyter-scale keeps on the host.
    """
    request = {"op": "clean", "cache": cache, "unused_days": unused_days}
    answer = ask(host, request, on_step=on_step)
    return tuple(KeptEnvironment(**one) for one in answer["environments"])
