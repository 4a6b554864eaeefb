"""The task board: what workers did in the last minutes, and what of it a page was told. Pure.

Laws:

1. A page is told each span once, in their order, however often it could not be told.
2. What is kept is as bounded as where it comes from (`monitor.tape`), and only while a page asks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from itertools import islice

from jupyter_scale.model.feed import TaskRow, Tasks
from jupyter_scale.monitor.spans import Span, TaskNews
from jupyter_scale.monitor.tape import MOST_BANDS, WINDOW_S

MOST_ROWS = 5000


class TaskBoard:
    """The spans of those clusters that a page shows."""

    def __init__(self) -> None:
        self._spans: dict[str, deque[tuple[int, Span]]] = {}
        self._number = 0
        self._anew: dict[str, int] = {}

    def take(self, cluster: str, news: TaskNews) -> None:
        """Take what is new of a cluster."""
        spans = self._spans.get(cluster)
        if spans is None or news.is_anew:
            spans = self._spans[cluster] = deque(maxlen=MOST_BANDS)
            self._number += 1
            self._anew[cluster] = self._number
        for span in news.spans:
            self._number += 1
            spans.append((self._number, span))

    def keep(self, clusters: Collection[str]) -> None:
        """Forget all other clusters."""
        for gone in self._spans.keys() - set(clusters):
            del self._spans[gone], self._anew[gone]

    def frames(self, cluster: str, since: int, now: float) -> Iterator[tuple[Tasks, int]]:
        """Yield what a page has to be told after a number, and up to which it is told then."""
        spans = self._spans.get(cluster)
        if spans is None:
            return
        is_anew = since < self._anew[cluster]
        while spans and spans[0][1].started_at + spans[0][1].seconds < now - WINDOW_S:
            spans.popleft()
        first = spans[0][0] if spans else self._number + 1
        index = max(0, since + 1 - first)
        while index < len(spans) or is_anew:
            part = list(islice(spans, index, index + MOST_ROWS))
            number = part[-1][0] if part else max(since, self._anew[cluster])
            yield frame_of(cluster, [span for _, span in part], now, is_anew=is_anew), number
            index, is_anew = index + MOST_ROWS, False


def frame_of(cluster: str, spans: Collection[Span], now: float, *, is_anew: bool) -> Tasks:
    """Return spans as they travel: what workers and runs are called once."""
    workers: dict[str, int] = {}
    runs: dict[str, int] = {}
    rows = tuple(
        TaskRow(
            workers.setdefault(span.worker, len(workers)),
            *span[1:6],
            runs.setdefault(span.run, len(runs)),
        )
        for span in spans
    )
    return Tasks("tasks", now, cluster, is_anew, tuple(workers), tuple(runs), rows)
