"""Facts: what a runner publishes of its runs as events of the cluster. Never a value.

A fact is all that is known of one run at a moment: whoever hears one needs no earlier one. Facts of
a run are numbered; the highest number is the truth, in whatever order they are heard.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from jupyter_scale.errors import ProtocolError
from jupyter_scale.model.run import Loop, Run

FACTS_VERSION = 4
TOPIC = "jupyter-scale"
_DASHES_OF_UUID = 5


def to_message(facts: Iterable[RunFact]) -> list[dict[str, Any]]:
    """Return facts as one message of the topic."""
    return [fact.to_wire() for fact in facts]


def from_message(message: Any) -> list[RunFact]:
    """Return the facts in a message; what is no fact, whoever has published it, is left out."""
    facts = []
    for wire in message if isinstance(message, (list, tuple)) else ():
        with contextlib.suppress(ProtocolError):
            facts.append(RunFact.from_wire(wire))
    return facts


def client_name(session: str) -> str:
    """Return the name of the connection over which a session's runner publishes."""
    return f"jupyter-scale-runner-{session}"


def shell_name(session: str) -> str:
    """Return the name of the connection over which a session's cells give out tasks."""
    return f"jupyter-scale-shell-{session}"


def session_of_shell(client: str) -> str:
    """Return whose connection that is, by the id that Dask made of its name; else empty."""
    _, found, rest = client.partition(shell_name(""))
    return rest.rsplit("-", _DASHES_OF_UUID)[0] if found else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopFact(Loop):
    """One spread loop; times are Unix seconds.

    Attributes
    ----------
    done_before
        How many had been done in place when it was spread at `started_at`.
    ends_at
        When it will have ended if it goes on as it did, None when that cannot be told.
    """

    done_before: int
    started_at: float
    ends_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFact(Run):
    """One run of a ``%%scale`` cell, as of number `seq`."""

    seq: int
    session: str
    loops: tuple[LoopFact, ...] = ()
    version: int = FACTS_VERSION

    def as_lost(self, ended_at: float | None = None, why: str = "") -> RunFact:
        """Return the fact of this run after its runner or cluster is gone."""
        loops = tuple(replace(loop, running=0, ends_at=None) for loop in self.loops)
        return replace(
            self, seq=self.seq + 1, status="lost", ended_at=ended_at, error=why, loops=loops
        )

    def to_wire(self) -> dict[str, Any]:
        """Return the fact as plain values."""
        return {**asdict(self), "loops": [asdict(loop) for loop in self.loops]}

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> RunFact:
        """Rebuild a fact.

        Raises
        ------
        ProtocolError
            When it is none, or one of another version.
        """
        try:
            if wire["version"] != FACTS_VERSION:
                msg = f"a fact of version {wire['version']}, this side reads {FACTS_VERSION}"
                raise ProtocolError(msg)
            return cls(**{**wire, "loops": tuple(LoopFact(**loop) for loop in wire["loops"])})
        except (KeyError, TypeError) as error:
            msg = f"not a fact: {error!r}"
            raise ProtocolError(msg) from error
