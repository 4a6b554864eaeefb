"""Spans: what workers did, read out of what a task watch says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class Span(NamedTuple):
    """Tasks of one worker, one after the other, for one run; times are Unix seconds.

    `tasks` is 0 for one that has begun and goes on; `run` is empty when it is not known.
    """

    worker: str
    started_at: float
    seconds: float
    busy_s: float
    tasks: int
    failed: int
    run: str


@dataclass(frozen=True, slots=True)
class TaskNews:
    """The spans that are new; `is_anew` when they are all there are, whatever was told before."""

    spans: tuple[Span, ...]
    is_anew: bool


def read_spans(looked: Mapping[str, Any], now: float) -> tuple[Span, ...]:
    """Return the spans in what a task watch says, by the clock here, which says `now`."""
    workers, runs, ahead = looked["workers"], looked["runs"], now - looked["now"]
    return tuple(
        Span(workers[w], round(start + ahead, 3), seconds, busy, tasks, failed, runs[run])
        for w, start, seconds, busy, tasks, failed, run in looked["rows"]
    )
