"""What went wrong with a machine, as the failure of its node. Pure."""

from __future__ import annotations

from dataclasses import replace

from jupyter_scale.errors import ClusterError, HostError, HostLost, StartError
from jupyter_scale.providers.provider import Failure


def failure_of(error: ClusterError, host: str, news: str = "") -> Failure:
    """Return an error as a failure.

    Parameters
    ----------
    host : str
        The machine.
    news : str
        What was being done there.
    """
    if isinstance(error, StartError):
        return Failure(error.what, error.why, error.last_lines, error.next_step, error.happened)
    if not isinstance(error, HostError):
        return Failure(f"host {host}", str(error), happened="failed")
    failure = Failure(f"host {error.host}", error.why, next_step=error.next_step, happened="failed")
    if isinstance(error, HostLost) and news:
        return replace(failure, why=f"{failure.why}, after '{news}'")
    return failure
