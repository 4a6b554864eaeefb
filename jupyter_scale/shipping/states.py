"""Shallow states: what a mutable object holds, and how to give it that content in place.

An *adapter* belongs to a type. ``get`` returns the object's content without itself; ``set``
overwrites the content of an object in place, so that identity and every alias stay. Types whose
content cannot be overwritten for certain have no adapter and travel anew.
"""

from __future__ import annotations

import array
import collections
import contextlib
import copyreg
import datetime as dt
import decimal
import enum
import fractions
import functools
import io
import pathlib
import random
import re
import types
import uuid
import weakref
from collections.abc import Iterable
from typing import Any

from jupyter_scale.shipping.adapters import Adapter, InPlaceImpossibleError, NoAdapterError
from jupyter_scale.shipping.arraystates import ARRAYS, INDEX
from jupyter_scale.shipping.caches import (
    CachedFunction,
    cache_state,
    is_found_by_name,
    set_cache_state,
)
from jupyter_scale.shipping.codes import plain_code
from jupyter_scale.shipping.exceptionforms import exception_state, is_plain_exception
from jupyter_scale.shipping.loading import (
    set_exception_state,
    set_function_state,
    set_weak_keys,
)
from jupyter_scale.shipping.reducers import function_state, has_reducer, registry_state
from jupyter_scale.shipping.tensors import is_plain_tensor, set_tensor_state, tensor_state

_HEAP_TYPE = 1 << 9


def _get_nothing(_obj: object) -> None:
    return None


def _set_nothing(_obj: object, _state: None) -> None:
    return None


def _set_list(obj: list[Any], state: list[Any]) -> None:
    obj[:] = state


def _get_mapping(obj: dict[Any, Any]) -> list[tuple[Any, Any]]:
    # Pairs, not a dict: keys may hash by a state that is only set after they were loaded.
    return list(obj.items())


def _set_mapping(obj: dict[Any, Any], state: list[tuple[Any, Any]]) -> None:
    obj.clear()
    for key, value in state:
        dict.__setitem__(obj, key, value)


def _set_set(obj: set[Any], state: list[Any]) -> None:
    obj.clear()
    obj.update(state)


def _get_defaultdict(obj: Any) -> Any:
    return obj.default_factory, _get_mapping(obj)


def _set_defaultdict(obj: Any, state: Any) -> None:
    obj.default_factory = state[0]
    _set_mapping(obj, state[1])


def _set_ordered(obj: Any, state: Any) -> None:
    obj.clear()
    for key, value in state:
        obj[key] = value


def _set_deque(obj: Any, state: list[Any]) -> None:
    obj.clear()
    obj.extend(state)


def _set_bytearray(obj: bytearray, state: bytes) -> None:
    obj[:] = state


def _get_weak_keys(obj: Any) -> Any:
    if not all(isinstance(key, type) for key in obj):
        raise InPlaceImpossibleError
    return tuple(obj.items())


def _get_function(obj: types.FunctionType) -> Any:
    return plain_code(obj.__code__), obj.__closure__, function_state(obj)


def _set_function(obj: types.FunctionType, state: Any) -> None:
    code, _closure, rest = state
    obj.__code__ = code
    set_function_state(obj, rest)


def _get_cell(cell: types.CellType) -> tuple[Any, ...]:
    """Return the variable's value in a tuple, which is empty if it has none."""
    try:
        return (cell.cell_contents,)
    except ValueError:
        return ()


def _set_cell(cell: types.CellType, state: tuple[Any, ...]) -> None:
    if state:
        [cell.cell_contents] = state
    else:
        with contextlib.suppress(ValueError):
            del cell.cell_contents


def _get_instance(obj: Any) -> Any:
    reduced = obj.__reduce_ex__(4)
    state, items, pairs = (*reduced[2:], None, None, None)[:3]
    return (
        type(obj),
        state,
        list(items) if items is not None else None,
        list(pairs) if pairs is not None else None,
    )


def _set_instance(obj: Any, new: Any) -> None:
    kind, state, items, pairs = new
    if kind is not None and type(obj) is not kind:
        obj.__class__ = kind
    if items is not None or isinstance(obj, list):
        list.clear(obj)
        list.extend(obj, items or ())
    if pairs is not None or isinstance(obj, dict):
        dict.clear(obj)
        for key, value in pairs or ():
            dict.__setitem__(obj, key, value)
    own: dict[str, Any] | None = getattr(obj, "__dict__", None)
    if own is not None:
        own.clear()
    if state is None:
        _delete_slots(obj, keep=())
    elif hasattr(type(obj), "__setstate__"):
        obj.__setstate__(state)
    else:
        attributes, slots = state if isinstance(state, tuple) else (state, None)
        if own is not None and attributes:
            own.update(attributes)
        _delete_slots(obj, keep=slots or ())
        for name, value in (slots or {}).items():
            object.__setattr__(obj, name, value)


def _get_registry(obj: Any) -> Any:
    return None, registry_state(obj), None, None


def _get_simple_namespace(obj: Any) -> Any:
    return list(vars(obj).items())


def _set_simple_namespace(obj: Any, state: Any) -> None:
    vars(obj).clear()
    vars(obj).update(state)


def _set_stdlib_array(obj: Any, state: bytes) -> None:
    del obj[:]
    obj.frombytes(state)


def _get_memory_file(obj: Any) -> Any:
    if obj.closed:
        raise InPlaceImpossibleError
    return obj.__getstate__()


def _set_memory_file(obj: Any, state: Any) -> None:
    obj.__setstate__(state)


def _get_python_random(obj: Any) -> Any:
    return obj.getstate(), list(vars(obj).items())


def _set_python_random(obj: Any, state: Any) -> None:
    obj.setstate(state[0])
    vars(obj).clear()
    vars(obj).update(state[1])


def _get_tensor(obj: Any) -> Any:
    if not is_plain_tensor(obj):
        raise InPlaceImpossibleError
    return tensor_state(obj)


def _get_exception(obj: BaseException) -> Any:
    return obj.args, exception_state(obj)


def _set_exception(obj: BaseException, state: Any) -> None:
    obj.args, rest = state
    obj.__dict__.clear()
    set_exception_state(obj, rest)


def _delete_slots(obj: Any, keep: Any) -> None:
    for name in copyreg._slotnames(type(obj)):  # type: ignore[attr-defined]  # noqa: SLF001
        if name not in keep and hasattr(obj, name):
            object.__delattr__(obj, name)


_CLASS_SKIP = frozenset(
    {
        "__dict__",
        "__weakref__",
        "__module__",
        "__slotnames__",
        "_abc_impl",
        "__abstractmethods__",
    }
)


def _get_class(obj: type) -> Any:
    slots = obj.__dict__.get("__slots__", ())
    skip = _CLASS_SKIP | ({slots} if isinstance(slots, str) else set(slots))
    return {name: value for name, value in obj.__dict__.items() if name not in skip}


def _set_class(obj: type, state: dict[str, Any]) -> None:
    for name in [n for n in _get_class(obj) if n not in state]:
        type.__delattr__(obj, name)
    for name, value in state.items():
        if obj.__dict__.get(name, state) is not value:
            type.__setattr__(obj, name, value)


_CACHED = Adapter(cache_state, set_cache_state, weak=True, hashes=True)
_ADAPTERS: dict[type, Adapter | None] = {
    object: Adapter(_get_nothing, _set_nothing),  # a sentinel is all identity
    types.CellType: Adapter(_get_cell, _set_cell),
    list: Adapter(list, _set_list),
    dict: Adapter(_get_mapping, _set_mapping, hashes=True),
    set: Adapter(list, _set_set, weak=True, hashes=True),
    bytearray: Adapter(bytes, _set_bytearray),
    collections.deque: Adapter(list, _set_deque, weak=True),
    collections.defaultdict: Adapter(_get_defaultdict, _set_defaultdict, hashes=True),
    collections.OrderedDict: Adapter(_get_mapping, _set_ordered, weak=True, hashes=True),
    types.SimpleNamespace: Adapter(_get_simple_namespace, _set_simple_namespace),
    array.array: Adapter(bytes, _set_stdlib_array, weak=True),
    io.StringIO: Adapter(_get_memory_file, _set_memory_file, weak=True),
    io.BytesIO: Adapter(_get_memory_file, _set_memory_file, weak=True),
    random.Random: Adapter(_get_python_random, _set_python_random, weak=True),
    collections.Counter: Adapter(_get_mapping, _set_mapping, weak=True, hashes=True),
    functools.cached_property: None,
    weakref.WeakKeyDictionary: Adapter(_get_weak_keys, set_weak_keys, weak=True),
    types.FunctionType: Adapter(_get_function, _set_function, weak=True),
}
_EXCEPTION = Adapter(_get_exception, _set_exception)
_INSTANCE = Adapter(_get_instance, _set_instance, weak=True)
_STRONG_INSTANCE = Adapter(_get_instance, _set_instance)
_CLASS = Adapter(_get_class, _set_class, weak=True)
_TENSOR = Adapter(_get_tensor, set_tensor_state, weak=True)
_BY_NAME = {
    **ARRAYS,
    ("torch", "Tensor"): _TENSOR,
    ("torch.nn.parameter", "Parameter"): _TENSOR,
    ("matplotlib.cbook", "CallbackRegistry"): Adapter(_get_registry, _set_instance, weak=True),
}
# Their identity or construction says more than their state does.
_NEVER = (tuple, str, bytes, int, float, complex, frozenset, BaseException, types.ModuleType)


_IMMUTABLE = (
    *_NEVER[:7], type(None), type(...), type(NotImplemented), range, slice, types.CodeType,
    types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType, type,
    re.Pattern, dt.date, dt.time, dt.timedelta, dt.tzinfo,
    decimal.Decimal, fractions.Fraction, pathlib.PurePath, uuid.UUID, enum.Enum,
)  # fmt: skip
_IMMUTABLE_NAMES = frozenset({"dtype", "generic", "Index", "Timestamp", "Timedelta", "Interval",
    "Period", "NaTType", "ExtensionDtype"})  # fmt: skip


def is_immutable(obj: Any) -> bool:
    """Tell whether an object is known never to change, what it refers to apart."""
    if isinstance(obj, _IMMUTABLE):
        return True
    kind = type(obj)
    return kind.__module__.partition(".")[0] in {"numpy", "pandas"} and not (
        _IMMUTABLE_NAMES.isdisjoint(base.__name__ for base in kind.__mro__)
    )


def adapter_for(obj: Any) -> Adapter | None:
    """Return the adapter of an object's type, or None if it travels anew each time."""
    kind = type(obj)
    try:
        return _ADAPTERS[kind]
    except KeyError:
        pass
    if issubclass(kind, type):
        return _class_adapter(obj)
    if kind is CachedFunction:
        return None if is_found_by_name(obj) else _CACHED
    adapter = _find_adapter(kind)
    if kind.__module__ != "__main__":
        _ADAPTERS[kind] = adapter
    return adapter


def overwrite(contents: Iterable[tuple[Any, Any]]) -> None:
    """Give objects their new content.

    Those that hash what they hold come last: by then that is what it shall be.

    Raises
    ------
    NoAdapterError
        When an object's content cannot be overwritten.
    """
    later = []
    for number, (obj, state) in enumerate(contents):
        adapter = adapter_for(obj)
        if adapter is None:
            raise NoAdapterError(number)
        if adapter.hashes:
            later.append((adapter, obj, state))
        else:
            adapter.set(obj, state)
    for adapter, obj, state in later:
        adapter.set(obj, state)


def is_mutable_data(obj: Any) -> bool:
    """Tell whether an object's content may change, and it is no function or class."""
    return not isinstance(obj, type | types.FunctionType) and adapter_for(obj) is not None


def _class_adapter(cls: type) -> Adapter | None:
    """Classes of the notebook can change in place; enumerations and imported ones cannot."""
    if cls.__module__ != "__main__" or type(cls).__module__ == "enum":
        return None
    return _CLASS


def _find_adapter(kind: type) -> Adapter | None:
    named = _BY_NAME.get((kind.__module__, kind.__qualname__))
    if named is not None:
        return named
    if any((b.__module__[:6], b.__name__) == ("pandas", "Index") for b in kind.__mro__):
        return INDEX
    if issubclass(kind, BaseException):
        return _EXCEPTION if is_plain_exception(kind) else None
    if not kind.__flags__ & _HEAP_TYPE or issubclass(kind, _NEVER) or has_reducer(kind):
        return None
    is_special = kind in copyreg.dispatch_table or type(kind).__module__ == "enum"
    default = kind.__reduce_ex__ is object.__reduce_ex__ and kind.__reduce__ is object.__reduce__
    if (
        is_special
        or not default
        or hasattr(kind, "__getnewargs__")
        or hasattr(kind, "__getnewargs_ex__")
    ):
        return None
    return _INSTANCE if kind.__weakrefoffset__ else _STRONG_INSTANCE
