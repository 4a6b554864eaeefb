"""What a checkup finds: a `Check` for each step at each host, and the facts it is made of."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class CheckStatus(StrEnum):
    """What came of one step."""

    OK = "ok"
    WARNING = "warning"  # a cluster works there, but not as its user may expect
    FAILED = "failed"  # a cluster does not start there
    SKIPPED = "skipped"  # a step before it has failed


@dataclass(frozen=True)
class Check:
    """One step of a checkup.

    Parameters
    ----------
    host : str
        The host's name as in the profile; the profile's own where it concerns no single host.
    step : str
        A word or two for what was looked at, for instance ``"host key"``.
    status : CheckStatus
        What came of it.
    found : str
        What there is, without a full stop; may have several lines.
    advice : str
        What to do about it, with the exact command where there is one; empty if nothing.
    """

    host: str
    step: str
    status: CheckStatus
    found: str
    advice: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the check as JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class Reached:
    """What a host reaches of what environments are made of.

    Parameters
    ----------
    index : str
        The address of its package index, without a password.
    index_error : str
        Why that cannot be reached; empty if it can.
    python_error : str
        Why no Python could be downloaded; empty if it could.
    """

    index: str
    index_error: str = ""
    python_error: str = ""


@dataclass(frozen=True)
class LeftBehind:
    """What there is of one cluster on a host.

    Parameters
    ----------
    cluster : str
        Its id.
    pids : tuple of int
        Its processes.
    directories : tuple of str
        Its directories.
    age_s : float
        How long the oldest of all this has been there.
    """

    cluster: str
    pids: tuple[int, ...] = ()
    directories: tuple[str, ...] = ()
    age_s: float = field(default=0.0, compare=False)
