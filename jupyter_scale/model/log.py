"""The log: what happened to clusters, nodes and runs, one line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

MOST_NEWS = 300
MOST_TROUBLES = 200

LogLevel = Literal["info", "warning", "error"]

NoticeKind = Literal["host-key", "cost", "node-lost", "cluster-failed"]


@dataclass(frozen=True, slots=True)
class LogLine:
    """One thing that happened; numbers grow from line to line, `at` is Unix seconds.

    `cluster` and `run` are ids, `name` is the cluster's; `node` and `run` are empty where it is not
    about one. With a `notice` somebody has to know: the same matter has the same `matter`, also
    when another server tells of it.
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


def bounded(lines: Sequence[LogLine]) -> tuple[LogLine, ...]:
    """Return what is kept: the latest plain news, and the latest warnings and errors.

    It is the same whether lines come one by one or together.
    """
    news, troubles = MOST_NEWS, MOST_TROUBLES
    kept = []
    for line in reversed(lines):
        if line.level == "info":
            news -= 1
        else:
            troubles -= 1
        if (news if line.level == "info" else troubles) >= 0:
            kept.append(line)
    return tuple(reversed(kept))
