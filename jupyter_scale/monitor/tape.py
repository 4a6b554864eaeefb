"""The tape: which worker was at work when, and on whose tasks. Pure.

Laws:

1. Each task that ended is in one band: bands have all tasks, and `busy_s` is their time.
2. Tasks of one worker and one session that follow each other closely are one band, which is never
   longer than `longest_s`, or than its only task. The more workers, the longer bands may be: of a
   second there are about `BANDS_PER_S`, however short tasks are.
3. A band has a number, and is read, once it is closed: it does not change any more.
4. What is kept is bounded: the last `WINDOW_S`, `MOST_BANDS` at most.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

WINDOW_S = 300.0
MOST_BANDS = 40_000
BANDS_PER_S = 1000
_SHORTEST_S = 0.5
_PAUSE = 0.1


@dataclass(slots=True)
class Band:
    """Tasks of one worker, one after the other; times are Unix seconds.

    Attributes
    ----------
    busy_s
        How much of it the worker worked.
    tasks
        How many; 0 for one that has begun at `start` and goes on.
    failed
        How many of them raised, or went with their worker.
    """

    worker: str
    session: str
    start: float
    stop: float
    busy_s: float = 0.0
    tasks: int = 0
    failed: int = 0


class Tape:
    """What all workers of a cluster did in the last minutes."""

    def __init__(self) -> None:
        self._closed: deque[tuple[int, Band]] = deque(maxlen=MOST_BANDS)
        self._open: dict[str, Band] = {}
        self._number = 0
        self._last: dict[str, float] = {}

    def take(self, worker: str, session: str, start: float, stop: float, *, failed: bool) -> None:
        """Take a task that has ended."""
        longest = longest_s(len(self._last))
        band = self._open.get(worker)
        if band is not None and not _joins(band, session, start, stop, longest):
            self._close(worker)
            band = None
        if band is None:
            band = self._open[worker] = Band(worker, session, start, stop)
        band.stop = max(band.stop, stop)
        band.busy_s += stop - start
        band.tasks += 1
        band.failed += failed
        self._last[worker] = band.stop

    def begin(self, worker: str, session: str, start: float) -> None:
        """Note that a task of a worker goes on."""
        self._close(worker)
        self._append(Band(worker, session, start, start))

    def forget(self, worker: str) -> None:
        """Note that a worker is gone."""
        self._close(worker)
        self._last.pop(worker, None)

    def last_stop(self, worker: str) -> float:
        """Return when a worker ended its last task; 0 if none is known."""
        return self._last.get(worker, 0.0)

    def read(self, since: int, now: float) -> Iterator[tuple[int, Band]]:
        """Yield the bands after that number; what may still grow is not among them."""
        longest = longest_s(len(self._last))
        for worker, band in list(self._open.items()):
            if now - band.start > longest:
                self._close(worker)
        while self._closed and self._closed[0][1].stop < now - WINDOW_S:
            self._closed.popleft()
        first = self._closed[0][0] if self._closed else 0
        for index in range(max(0, since + 1 - first), len(self._closed)):
            yield self._closed[index]

    def _close(self, worker: str) -> None:
        band = self._open.pop(worker, None)
        if band is not None:
            self._append(band)

    def _append(self, band: Band) -> None:
        self._number += 1
        self._closed.append((self._number, band))


def longest_s(workers: int) -> float:
    """Return how long a band of several tasks may be."""
    return max(_SHORTEST_S, workers / BANDS_PER_S)


def _joins(band: Band, session: str, start: float, stop: float, longest: float) -> bool:
    return (
        band.session == session
        and start - band.stop <= _PAUSE * longest
        and max(stop, band.stop) - min(start, band.start) <= longest
    )
