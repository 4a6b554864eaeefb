"""Stops of single loops: who watches asks for one by an event of the cluster, and is answered so.

The runner that has the run hears it and asks its shell, which looks, where the loop is, whether it
still goes on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

STOPS_VERSION = 1
ASKED, ANSWERED = "jupyter-scale-stops", "jupyter-scale-stops-answered"
"""The topics of what is asked, and of the answers."""

StopStatus = Literal["stopped", "late"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopLoop:
    """Raise KeyboardInterrupt in a loop, if that still goes on.

    Attributes
    ----------
    id
        By which the answer is known.
    session, run
        Whose runner is meant, and which of its runs.
    loop
        The `Loop.number`.
    """

    id: str
    session: str
    run: str
    loop: int
    version: int = STOPS_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAnswer:
    """What became of a `StopLoop`: ``"late"``, the loop had ended, and nothing was done."""

    id: str
    status: StopStatus
    version: int = STOPS_VERSION


def to_message(said: StopLoop | StopAnswer) -> dict[str, Any]:
    """Return it as a message of its topic."""
    return asdict(said)


_Said = TypeVar("_Said", StopLoop, StopAnswer)


def from_message(message: Any, kind: type[_Said]) -> _Said | None:
    """Return what is said in a message of a topic; None if it is something else."""
    if not isinstance(message, Mapping) or message.get("version") != STOPS_VERSION:
        return None
    with contextlib.suppress(TypeError):
        return kind(**message)
    return None
