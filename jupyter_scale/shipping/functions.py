"""Snapshots of plain functions, remembered for as long as all of their parts are the same objects.

A notebook function without closure, attributes or defaults that can change inside is told by its
code: pickling it again would give the same stream. Cells read many such functions.
"""

from __future__ import annotations

import operator
import weakref
from dataclasses import replace
from types import FunctionType
from typing import TYPE_CHECKING, Any

from jupyter_scale.shipping.ambient.places import is_constant

if TYPE_CHECKING:
    from jupyter_scale.shipping.snapshot import Snapshot

_Parts = tuple[Any, ...]


class PlainFunctions:
    """What was found at the last look at each plain function of one namespace."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self._known: weakref.WeakKeyDictionary[FunctionType, tuple[_Parts, Snapshot]] = (
            weakref.WeakKeyDictionary()
        )

    def find(self, function: FunctionType) -> Snapshot | None:
        """Return the snapshot of a function that is still the same."""
        known = self._known.get(function)
        if known is None:
            return None
        parts, snapshot = known
        now = self._parts(function)
        if now is None or len(now) != len(parts) or not all(map(operator.is_, now, parts)):
            return None
        return replace(snapshot, root=function, objects=(function,))

    def remember(self, function: FunctionType, snapshot: Snapshot) -> None:
        """Keep a snapshot, but not the function."""
        parts = self._parts(function)
        # Besides the function only what its reduction made for the moment was reached.
        if parts is not None and snapshot.objects[:1] == (function,) and not snapshot.stays:
            self._known[function] = parts, replace(snapshot, root=None, objects=())

    def _parts(self, function: FunctionType) -> _Parts | None:
        """Return all that a function consists of; None if something inside it can change."""
        if (
            function.__globals__ is not self._namespace
            or function.__closure__
            or function.__dict__
            or function.__kwdefaults__
            or _type_parameters(function)
        ):
            return None
        defaults, annotations = function.__defaults__, function.__annotations__
        if not (is_constant(defaults) and all(map(is_constant, annotations.values()))):
            return None
        return (
            function.__code__,
            function.__name__,
            function.__qualname__,
            function.__doc__,
            function.__module__,
            defaults,
            *annotations,
            *annotations.values(),
        )


def _type_parameters(function: Any) -> Any:
    return getattr(function, "__type_params__", ())  # since Python 3.12
