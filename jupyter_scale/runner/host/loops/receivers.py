"""What the effects of a ``for`` loop change: only objects whose behaviour is known.

An effect is carried out later than the iteration that wanted it. That cannot be told from the plain
loop only if it does nothing but change its receiver, and if iterations do not look at that.
"""

from __future__ import annotations

import datetime as dt
import decimal
import fractions
import sys
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_scale.analysis.effects import Receiver
from jupyter_scale.runner.host.loops.iterations import Protocol

_MAPPINGS = (dict, OrderedDict, defaultdict, Counter)
_CONTAINERS = (list, set, deque, bytearray, *_MAPPINGS)
_FRAMES = frozenset({("pandas", "DataFrame"), ("pandas", "Series"),
    ("pandas.core.frame", "DataFrame"), ("pandas.core.series", "Series")})  # fmt: skip
_INDEXERS = frozenset({".loc", ".iloc", ".at", ".iat"})
_FACTORIES = (list, dict, set, int, float, deque, Counter, str, tuple)
_NUMBERS = (
    int, float, complex, bool, str, bytes, tuple, type(None), frozenset, decimal.Decimal,
    fractions.Fraction, dt.timedelta, dt.datetime, dt.date,
)  # fmt: skip
_COPYING = frozenset({"extend", "extendleft", "update", "subtract"})
_CAUGHT_ONLY = frozenset({"append", "appendleft", "add"})
#: More values than this are not looked at one by one.
_MOST_VALUES = 100_000


class UnknownReceiverError(Exception):
    """An effect that cannot be put off."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What effects change.

    Attributes
    ----------
    names, rebound
        Names through which something changes, and those of them that are bound again.
    objects
        Objects that change.
    protocol
        How effects have to be logged; None where there are none.
    """

    names: frozenset[str] = frozenset()
    rebound: frozenset[str] = frozenset()
    objects: tuple[Any, ...] = ()
    protocol: Protocol | None = None


def find_targets(receivers: Sequence[Receiver], roots: Callable[[], Sequence[Any]]) -> Targets:
    """Return what the effects of a loop change.

    Raises
    ------
    UnknownReceiverError
        If that may do more than it shows.
    """
    try:
        values = roots()
    except NameError as error:  # the plain loop says so in its place
        raise UnknownReceiverError(str(error)) from error
    objects: list[Any] = []
    copied, hashed = set[int](), dict[int, int]()
    for number, (receiver, root) in enumerate(zip(receivers, values, strict=True)):
        changed = _changed(receiver, root)
        objects += changed
        if receiver.is_augmented or receiver.change in _COPYING or _takes_content(changed):
            copied.add(number)
        if receiver.is_guarded and receiver.change in {"[]", "add"} and receiver.key is not None:
            hashed[number] = receiver.key
    names = frozenset(receiver.root for receiver in receivers)
    rebound = frozenset(receiver.root for receiver in receivers if receiver.change == "=")
    return Targets(names, rebound, tuple(objects), Protocol(frozenset(copied), hashed))


def _takes_content(changed: Iterable[Any]) -> bool:
    """Tell whether setting an item of any of these copies what is given."""
    return any(type(obj) not in _CONTAINERS and not _has_attributes(obj) for obj in changed)


def _has_attributes(obj: Any) -> bool:
    return hasattr(obj, "__dict__") and not _is_frame(obj)


def _changed(receiver: Receiver, root: Any) -> list[Any]:
    """Return the objects that an effect may change."""
    if receiver.change == "=":
        if receiver.is_guarded or not _is_value(root):
            raise _unknown(receiver, root)
        return [root]
    objects, rest = [root], list(receiver.steps)
    while rest:
        step = rest.pop(0)
        if step in _INDEXERS and not rest and all(map(_is_frame, objects)):
            break
        objects = [inner for obj in objects for inner in _inside(receiver, obj, step)]
    for obj in objects:
        if not _is_changeable(receiver, obj):
            raise _unknown(receiver, obj)
    if receiver.steps and type(root) is defaultdict:
        objects.append(root)  # looking an item up may add it
    return objects


def _unknown(receiver: Receiver, obj: Any) -> UnknownReceiverError:
    return UnknownReceiverError(f"changes {receiver.root!r}, a {type(obj).__name__}")


def _is_frame(obj: Any) -> bool:
    return (type(obj).__module__, type(obj).__qualname__) in _FRAMES


def is_array(obj: Any) -> bool:
    """Tell whether an object is an array of numpy's."""
    return type(obj).__module__ == "numpy" and type(obj).__name__ == "ndarray"


def shares_memory(obj: Any, arrays: Iterable[Any]) -> bool:
    """Tell whether an array may have memory in common with one of others."""
    if not is_array(obj):
        return False
    numpy = sys.modules["numpy"]
    return any(numpy.may_share_memory(obj, array) for array in arrays)


def _is_value(obj: Any) -> bool:
    kind = type(obj)
    if kind in _NUMBERS or kind in _CONTAINERS or _is_frame(obj):
        return True
    return kind.__module__ in {"numpy", "pandas"} and str(getattr(obj, "dtype", "")) != "object"


def _has_own_numbers(obj: Any) -> bool:
    return is_array(obj) and not obj.dtype.hasobject


def _inside(receiver: Receiver, obj: Any, step: str) -> list[Any]:
    """Return what one step from an object may lead to."""
    if step == "[]":
        if type(obj) is list:
            values = obj
        elif type(obj) in _MAPPINGS:
            values = list(obj.values())
            if type(obj) is defaultdict and obj.default_factory not in _FACTORIES:
                raise _unknown(receiver, obj)
            if type(obj) is defaultdict and not values:
                values = [] if obj.default_factory is None else [obj.default_factory()]
        else:
            raise _unknown(receiver, obj)
        if len(values) > _MOST_VALUES:
            raise _unknown(receiver, obj)
        return values
    name = step[1:]
    attributes = getattr(obj, "__dict__", None)
    kind: Any = type(obj)
    is_plain = kind.__getattribute__ is object.__getattribute__
    if attributes is None or name not in attributes or not is_plain or isinstance(obj, type):
        raise _unknown(receiver, obj)
    if hasattr(getattr(type(obj), name, None), "__set__"):
        raise _unknown(receiver, obj)
    return [attributes[name]]


def _is_changeable(receiver: Receiver, obj: Any) -> bool:
    change = receiver.change
    kind: Any = type(obj)
    if change.startswith("."):
        plain = kind.__setattr__ is object.__setattr__ and not isinstance(obj, type)
        is_module = isinstance(obj, types.ModuleType)
        described = hasattr(getattr(kind, change[1:], None), "__set__")
        return plain and not described and not is_module and not receiver.is_guarded
    if change == "[]":
        if receiver.is_guarded:
            return kind in _MAPPINGS and not receiver.is_augmented
        if receiver.is_augmented and kind in (list, *_MAPPINGS):
            return all(map(_is_value, obj.values() if kind in _MAPPINGS else obj))
        return kind in (list, bytearray, *_MAPPINGS) or _is_frame(obj) or _has_own_numbers(obj)
    if receiver.is_guarded and change not in _CAUGHT_ONLY:
        return False
    return kind in _CONTAINERS and hasattr(kind, change)
