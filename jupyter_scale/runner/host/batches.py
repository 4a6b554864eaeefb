"""How a loop's iterations are cut into tasks: sizes, and whether spreading pays at all. Pure."""

from __future__ import annotations

import math
import types
from collections.abc import Iterator
from typing import Any

WORTH_SPREADING_S = 0.05
TASK_S = 0.2
_PROBE_S = 0.005


def sizes(iterations: int, seconds_each: float, workers: int) -> list[int]:
    """Return the number of iterations of each task, in order.

    Tasks take about 200 ms and shrink towards the end, so that workers finish together (guided
    self-scheduling, Polychronopoulos and Kuck 1987).
    """
    largest = max(1, int(TASK_S / max(seconds_each, 1e-9)))
    result = []
    while iterations > 0:
        size = min(largest, math.ceil(iterations / (2 * max(workers, 1))))
        result.append(size)
        iterations -= size
    return result


def is_worth_spreading(iterations: int, seconds_each: float) -> bool:
    """Tell whether the rest of a loop takes long enough to hand it over."""
    return iterations > 1 and iterations * seconds_each > WORTH_SPREADING_S


def probe_sizes(iterations: int) -> Iterator[int]:
    """Yield growing numbers of iterations to run in place until their time can be told."""
    size = 1
    while iterations > 0:
        yield min(size, iterations)
        iterations -= size
        size *= 2


def is_measured(seconds: float) -> bool:
    """Tell whether a probe took long enough to judge by."""
    return seconds >= _PROBE_S


_SAFE: tuple[type, ...] = (
    list, tuple, range, str, bytes, dict, set, frozenset,
    type({}.keys()), type({}.values()), type({}.items()),
    type(iter([])), type(iter(())), type(iter(range(0))), type(iter("")), type(iter({})),
    type(reversed([])),
)  # fmt: skip
_WRAPPERS = (enumerate, zip)


def can_list(iterable: Any) -> bool:
    """Tell whether taking all items first cannot be noticed by the iterations.

    A generator may look at what an iteration has just done, so it is left alone.
    """
    kind = type(iterable)
    if kind in _SAFE:
        return True
    if kind in _WRAPPERS:
        return all(can_list(part) for part in iterable.__reduce__()[1] if not isinstance(part, int))
    return (kind.__module__, kind.__qualname__) in {
        ("numpy", "ndarray"),
        ("pandas", "Series"),
        ("pandas.core.series", "Series"),
        ("pandas", "Index"),
        ("pandas.core.indexes.base", "Index"),
    } or isinstance(iterable, types.MappingProxyType)
