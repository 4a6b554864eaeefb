"""Arrays that share memory: on which array a view has to be rebuilt to go on sharing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any


def find_view_bases(objects: Iterable[Any], known: Callable[[], Iterable[Any]]) -> dict[int, Any]:
    """Return ``id(view) → array`` for the arrays among `objects` that look into another one.

    Parameters
    ----------
    objects
        What is about to travel.
    known
        Objects that the other side has already; asked only if there is a view.

    Notes
    -----
    The array to rebuild on is contiguous, spans all that the view can reach, and is seen by the
    notebook itself; so a big array that only a private name of numpy's holds is not dragged along.
    """
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return {}
    arrays = _unique(obj for obj in objects if type(obj) is numpy.ndarray)
    views = [array for array in arrays if _memory(array) is not array and array.nbytes]
    if not views:
        return {}
    # Known ones first: a new view of all of a known array's memory is to be rebuilt on that.
    everything = _unique([*(obj for obj in known() if type(obj) is numpy.ndarray), *arrays])
    spanning: dict[int, list[tuple[int, int, Any]]] = {}
    for array in everything:
        if array.dtype.hasobject or not (array.flags.c_contiguous or array.flags.f_contiguous):
            continue
        spanning.setdefault(id(_memory(array)), []).append((*_bounds(array), array))
    for candidates in spanning.values():
        candidates.sort(key=_reach)
    found = {}
    for view in views:
        low, high = _bounds(view)
        for start, end, array in spanning.get(id(_memory(view)), ()):
            if start <= low and high <= end:
                if array is not view:
                    found[id(view)] = array
                break
    return found


def _reach(candidate: tuple[int, int, Any]) -> tuple[int, bool]:
    """Order arrays: those that reach over the most memory first, of those its owner."""
    start, end, array = candidate
    return start - end, _memory(array) is not array


def _bounds(array: Any) -> tuple[int, int]:
    """Return the addresses of an array's first byte and of the one after its last."""
    low = high = array.__array_interface__["data"][0]
    if array.nbytes:
        for length, stride in zip(array.shape, array.strides, strict=True):
            low += min(0, (length - 1) * stride)
            high += max(0, (length - 1) * stride)
        high += array.itemsize
    return low, high


def _unique(arrays: Iterable[Any]) -> list[Any]:
    return list({id(array): array for array in arrays}.values())


def _memory(array: Any) -> Any:
    """Return the array at the end of the chain of bases: the memory's owner or wrapper."""
    kind = type(array)
    while type(array.base) is kind:
        array = array.base
    return array
