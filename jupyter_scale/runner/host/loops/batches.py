"""How a loop's iterations are cut into tasks: sizes, and whether spreading pays at all. Pure."""

from __future__ import annotations

import math

WORTH_SPREADING_S = 0.05
TASK_S = 0.2
PROBE_S = 0.005
#: Of an iteration that gives a value, and of one that has effects; `benchmarks/loops.py` shows it.
VALUE_COST_S, EFFECTS_COST_S = 1.5e-6, 12e-6
_LARGEST_UNKNOWN = 10_000
_MOST_AT_ONCE = 256


def next_size(left: int | None, seconds_each: float, workers: int) -> int:
    """Return the number of iterations of the next task.

    Tasks take about 200 ms and shrink towards the end, so that workers finish together (guided
    self-scheduling, Polychronopoulos and Kuck 1987).

    Parameters
    ----------
    left
        How many iterations are left, None if nobody knows.
    """
    largest = max(1, round(TASK_S / max(seconds_each, 1e-9)))
    if left is None:
        return min(largest, _LARGEST_UNKNOWN)
    return max(1, min(largest, math.ceil(left / (2 * max(workers, 1)))))


def is_worth_spreading(
    left: int | None, seconds_each: float, seconds: float, cost_each: float
) -> bool:
    """Tell whether the rest of a loop takes long enough to hand it over.

    Parameters
    ----------
    left
        How many iterations are left; None: as many are expected as there have been.
    seconds
        How long it has taken so far.
    cost_each
        What giving an iteration away and taking what it gave costs here. There are two workers at
        least, so that half of its own time is saved.
    """
    if seconds_each < 2 * cost_each:
        return False
    if left is None:
        return seconds > WORTH_SPREADING_S
    return left > 1 and left * seconds_each > WORTH_SPREADING_S


def next_probe(iterations: int, seconds_each: float) -> int:
    """Return how many iterations to run in place before looking at the clock again.

    Twice as many as last time, `iterations`, but only for as long as a probe may take, and so few
    that it is soon seen when iterations begin to take long.
    """
    return max(1, min(2 * iterations, int(PROBE_S / max(seconds_each, 1e-9)), _MOST_AT_ONCE))
