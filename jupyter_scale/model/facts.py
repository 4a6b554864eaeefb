"""Facts: what a runner publishes of its runs as events of the cluster. Never a value.

A fact is all that is known of one run at a moment: whoever hears one needs no earlier one. Facts of
a run are numbered; the highest number is the truth, in whatever order they are heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from jupyter_scale.errors import ProtocolError
from jupyter_scale.model.feed import RunStatus

FACTS_VERSION = 2
TOPIC = "jupyter-scale"
FIRST_LINE_CHARS = 80


@dataclass(frozen=True, slots=True)
class LoopFact:
    """One spread loop: counts of iterations; times are Unix seconds.

    Attributes
    ----------
    done_before
        How many had been done in place when it was spread at `started_at`.
    ends_at
        When it will have ended if it goes on as it did, None when that cannot be told.
    """

    line: int
    total: int
    done: int
    running: int
    failed: int
    workers: int
    done_before: int
    started_at: float
    ends_at: float | None


@dataclass(frozen=True, slots=True)
class RunFact:
    """One run of a ``%%scale`` cell; times are Unix seconds."""

    id: str
    seq: int
    session: str
    kernel_id: str
    notebook: str
    cell_id: str
    execution_count: int
    first_line: str
    status: RunStatus
    started_at: float
    ended_at: float | None = None
    error: str = ""
    loops: tuple[LoopFact, ...] = ()
    version: int = FACTS_VERSION

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
