"""Complaints: what processes of nodes warn of, as events of the cluster. Never a value."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

COMPLAINTS_VERSION = 1
RAW = "jupyter-scale-complaints-raw"
"""The topic to which processes complain; the scheduler's node sums up."""
TOPIC = "jupyter-scale-complaints"
"""The topic of what is summed up, for whoever watches the cluster."""

_NUMBERS = frozenset({"count", "version"})

Trouble = Literal["", "memory"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One thing that a process warns of.

    Attributes
    ----------
    id
        No other has it: what is heard twice is told once.
    node, worker
        The names of the node, and of the worker whose process it is; empty where not known.
    level, source
        ``warning`` or ``error``, and the short name of the logger.
    text, gist
        One line, and what is the same in all complaints of that kind.
    count
        How often since it was told last.
    trouble
        Whether work was lost, and why.
    """

    id: str = ""
    node: str = ""
    worker: str = ""
    level: Literal["warning", "error"] = "warning"
    source: str
    text: str
    gist: str
    count: int = 1
    trouble: Trouble = ""
    version: int = COMPLAINTS_VERSION


def to_message(complaints: Iterable[Complaint]) -> list[dict[str, Any]]:
    """Return complaints as one message of a topic."""
    return [asdict(complaint) for complaint in complaints]


def from_message(message: Any) -> list[Complaint]:
    """Return the complaints in a message; what is none, whoever has published it, is left out."""
    complaints = []
    for wire in message if isinstance(message, (list, tuple)) else ():
        with contextlib.suppress(TypeError):
            complaint = Complaint(**wire)
            if _is_sound(complaint):
                complaints.append(complaint)
    return complaints


def _is_sound(complaint: Complaint) -> bool:
    """Tell whether its fields are what they should be: anybody can publish."""
    version, count, texts = complaint.version, complaint.count, asdict(complaint)
    return (
        version == COMPLAINTS_VERSION
        and complaint.level in ("warning", "error")
        and complaint.trouble in ("", "memory")
        and type(count) is int
        and all(type(text) is str for key, text in texts.items() if key not in _NUMBERS)
    )
