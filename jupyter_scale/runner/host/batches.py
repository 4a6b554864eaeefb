"""How a loop's iterations are cut into tasks: sizes, and whether spreading pays at all. Pure."""

from __future__ import annotations

import math

WORTH_SPREADING_S = 0.05
TASK_S = 0.2
PROBE_S = 0.005
_LARGEST_UNKNOWN = 10_000


def next_size(left: int | None, seconds_each: float, workers: int) -> int:
    """Return the number of iterations of the next task.

    Tasks take about 200 ms and shrink towards the end, so that workers finish together (guided
    self-scheduling, Polychronopoulos and Kuck 1987).

    Parameters
    ----------
    left
        How many iterations are left, None if nobody knows.
    """
    largest = max(1, int(TASK_S / max(seconds_each, 1e-9)))
    if left is None:
        return min(largest, _LARGEST_UNKNOWN)
    return max(1, min(largest, math.ceil(left / (2 * max(workers, 1)))))


def is_worth_spreading(left: int | None, seconds_each: float, seconds: float) -> bool:
    """Tell whether the rest of a loop takes long enough to hand it over.

    Parameters
    ----------
    left
        How many iterations are left; None: as many are expected as there have been.
    seconds
        How long it has taken so far.
    """
    if left is None:
        return seconds > WORTH_SPREADING_S
    return left > 1 and left * seconds_each > WORTH_SPREADING_S


def next_probe(iterations: int, seconds: float) -> int:
    """Return how many iterations to run in place before looking at the clock again.

    Parameters
    ----------
    iterations, seconds
        Those of the last probe.
    """
    if seconds >= PROBE_S:
        return max(1, int(iterations * PROBE_S / seconds))
    return 2 * iterations
