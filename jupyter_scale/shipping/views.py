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
    The array to rebuild on is contiguous, spans the whole memory, and is seen by the notebook
    itself; so a big array that only a private name of numpy's holds is never dragged along.
    """
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return {}
    arrays = _unique(obj for obj in objects if type(obj) is numpy.ndarray)
    views = [array for array in arrays if _memory(array) is not array]
    if not views:
        return {}
    # Known ones first: a new view of all of a known array's memory is to be rebuilt on that.
    everything = _unique([*(obj for obj in known() if type(obj) is numpy.ndarray), *arrays])
    whole: dict[int, Any] = {}
    for array in everything:
        memory = _memory(array)
        spans = array.nbytes == memory.nbytes and (
            array.flags.c_contiguous or array.flags.f_contiguous
        )
        if spans and not array.dtype.hasobject and (array is memory or id(memory) not in whole):
            whole[id(memory)] = array
    found = {}
    for view in views:
        base = whole.get(id(_memory(view)))
        if base is not None and base is not view:
            found[id(view)] = base
    return found


def _unique(arrays: Iterable[Any]) -> list[Any]:
    return list({id(array): array for array in arrays}.values())


def _memory(array: Any) -> Any:
    """Return the array at the end of the chain of bases: the memory's owner or wrapper."""
    kind = type(array)
    while type(array.base) is kind:
        array = array.base
    return array
