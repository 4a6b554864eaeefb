"""The log: what happened to clusters, nodes and runs, one line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

MOST_NEWS = 300
MOST_TROUBLES = 200
MOST_COMPLAINTS = 150

LogLevel = Literal["info", "warning", "error"]

NoticeKind = Literal["host-key", "cost", "ending", "memory", "node-lost", "cluster-failed"]


@dataclass(frozen=True, slots=True)
class LogLine:
    """One thing that happened; numbers grow from line to line, `at` is Unix seconds.

    `cluster` and `run` are ids, `name` is the cluster's; `node` and `run` are empty where it is not
    about one. `source` is who complained, of the programs on a node: a logger's short name. With a
    `notice` somebody has to know: the same matter has the same `matter`, also when another server
    tells of it.
    """

    number: int
    at: float
    level: LogLevel
    cluster: str
    name: str
    node: str
    run: str
    text: str
    notice: NoticeKind | None
    matter: str
    source: str


def bounded(lines: Sequence[LogLine]) -> tuple[LogLine, ...]:
    """Return what is kept: the latest plain news, warnings and errors, and complaints of nodes.

    It is the same whether lines come one by one or together.
    """
    left = {"news": MOST_NEWS, "troubles": MOST_TROUBLES, "complaints": MOST_COMPLAINTS}
    kept = []
    for line in reversed(lines):
        kind = "complaints" if line.source else "news" if line.level == "info" else "troubles"
        left[kind] -= 1
        if left[kind] >= 0:
            kept.append(line)
    return tuple(reversed(kept))
