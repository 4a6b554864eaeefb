"""Reducers of our own: how objects are taken apart that cloudpickle would not rebuild the same.

A reducer returns what ``__reduce__`` may return, or NotImplemented for an object that is left to
cloudpickle after all.
"""

from __future__ import annotations

import functools
import gc
import io
import itertools
import logging
import pickle
import random
import sys
import types
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from jupyter_scale.shipping import closedpools, loading
from jupyter_scale.shipping.caches import (
    CachedFunction,
    cache_state,
    cached_parts,
    is_found_by_name,
    make_cached,
    set_cache_state,
)
from jupyter_scale.shipping.codes import plain_code
from jupyter_scale.shipping.exceptionforms import reduce_exception
from jupyter_scale.shipping.files import closed_form, make_closed
from jupyter_scale.shipping.leaves import Leaf, array_bytes, memory_order
from jupyter_scale.shipping.tensors import (
    is_plain_tensor,
    make_tensor,
    set_tensor_state,
    tensor_form,
    tensor_state,
)


class RefusedError(TypeError):
    """An object that could be pickled, but would arrive as something else."""

    def __init__(self, message: str, refused: object) -> None:
        super().__init__(message)
        self.refused = refused


class Dump(Protocol):
    """What a reducer sees of the pickler that meets an object."""

    namespace: dict[str, Any]
    view_bases: Mapping[int, Any]
    cuts_graphs: bool
    outermost: Any

    def note_function(self, function: types.FunctionType) -> None:
        """Record what the function's code reads."""

    def note_leaf(self, leaf: Leaf) -> None:
        """Record by what an array's or frame's content is to be compared."""

    def reduce_whole(self, obj: Any) -> Any:
        """Reduce an object to one opaque piece."""


Reducer = Callable[[Dump, Any], Any]


def _reduce_function(dump: Dump, function: types.FunctionType) -> Any:
    code = plain_code(function.__code__)
    args: tuple[Any, ...] = (code, function.__name__, function.__closure__)
    if function.__globals__ is dump.namespace:
        dump.note_function(function)
    elif (library := _library_of(function)) is not None:
        # Made by a library and found under no name: cloudpickle would copy the library's globals.
        args = (*args, library)
    else:
        return NotImplemented
    return (
        loading.make_function,
        args,
        function_state(function),
        None,
        None,
        loading.set_function_state,
    )


def _library_of(function: types.FunctionType) -> str | None:
    """Return the module that a function with a closure lives in, if it has to travel by value."""
    name = function.__globals__.get("__name__")
    module = sys.modules.get(name) if isinstance(name, str) else None
    if module is None or name == "__main__":
        return None
    if getattr(module, "__dict__", None) is not function.__globals__:
        return None
    if type(module) is types.ModuleType and getattr(module, "__spec__", None) is None:
        return name  # made by hand: there is no code to import it from
    # A wrapper may carry the name of what it wraps, which another module has.
    return None if is_found_by_name(function) else name


def function_state(function: types.FunctionType) -> dict[str, Any]:
    """Return all of a function but its code, name and namespace."""
    cells = []
    for cell in function.__closure__ or ():
        try:
            cells.append((True, cell.cell_contents))
        except ValueError:  # still empty: a recursive definition in progress
            cells.append((False, None))
    state = {
        "cells": cells,
        "defaults": function.__defaults__,
        "kwdefaults": function.__kwdefaults__,
        "annotations": tuple(function.__annotations__.items()),
        "name": function.__name__,
        "qualname": function.__qualname__,
        "doc": function.__doc__,
        "module": function.__module__,
        "dict": tuple(function.__dict__.items()),
    }
    if hasattr(function, "__type_params__"):
        state["type_params"] = function.__type_params__
    return state


def _reduce_cached_property(_dump: Dump, value: Any) -> Any:
    state = {name: part for name, part in vars(value).items() if name != "lock"}
    return functools.cached_property, (value.func,), state


def _reduce_cached(_dump: Dump, cached: Any) -> Any:
    if is_found_by_name(cached):
        return NotImplemented
    state = cache_state(cached)
    return make_cached, cached_parts(cached), state, None, None, set_cache_state


def _reduce_mapping_proxy(_dump: Dump, proxy: Any) -> Any:
    """Reduce a read-only view to its mapping, which it keeps to itself."""
    mapping = next(part for part in gc.get_referents(proxy) if part is not type(proxy))
    return types.MappingProxyType, (mapping,)


def _reduce_weak_keys(_dump: Dump, mapping: Any) -> Any:
    """Reduce what `functools.singledispatch` remembers; other keys might live nowhere else."""
    if not all(isinstance(key, type) for key in mapping):
        return NotImplemented
    return weakref.WeakKeyDictionary, (), tuple(mapping.items()), None, None, loading.set_weak_keys


def _reduce_executor(dump: Dump, executor: Any) -> Any:
    return closedpools.reduce_executor(executor) or _refuse_pools_own(dump, executor)


def _reduce_pool(dump: Dump, pool: Any) -> Any:
    return closedpools.reduce_pool(pool) or _refuse_pools_own(dump, pool)


def _refuse_pools_own(_dump: Dump, obj: Any) -> Any:
    raise RefusedError(closedpools.OF_A_POOL, obj)


def _reduce_cell(_dump: Dump, _cell: types.CellType) -> Any:
    return loading.make_cell, ()


def _reduce_array(dump: Dump, array: Any) -> Any:
    if array.dtype.hasobject or array.dtype.itemsize == 0:
        return NotImplemented
    base = dump.view_bases.get(id(array))
    if base is not None:
        offset = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        shape = (array.dtype, array.shape, offset, array.strides)
        return loading.view_of, (base, *shape, array.flags.writeable)
    order = memory_order(array)
    memory = array_bytes(array, order)
    form = f"{array.dtype.descr!r}{array.shape}{order}{array.flags.writeable:d}".encode()
    dump.note_leaf(Leaf(array, form, (memoryview(memory),), (0,)))
    args = (pickle.PickleBuffer(memory), array.dtype, array.shape, order, array.flags.writeable)
    return loading.load_array, args


def _reduce_exception(_dump: Dump, error: BaseException) -> Any:
    return reduce_exception(error)


def _reduce_whole(dump: Dump, obj: Any) -> Any:
    return dump.reduce_whole(obj)


def _reduce_registry(_dump: Dump, registry: Any) -> Any:
    new, args, state = registry.__reduce_ex__(4)[:3]
    _put_back(registry, state)
    return new, args, state


def registry_state(registry: Any) -> Any:
    """Return what matplotlib's ``CallbackRegistry`` pickles as, and leave it as it was."""
    state = registry.__getstate__()
    _put_back(registry, state)
    return state


def _put_back(registry: Any, state: Any) -> None:
    # Its ``__getstate__`` takes a number out of its own counter: then it would differ each time.
    if isinstance(number := state.get("_cid_gen"), int):
        registry._cid_gen = itertools.count(number)  # noqa: SLF001 - it has no other way in


def _reduce_stream(_dump: Dump, file: Any) -> Any:
    for name in ("stdout", "stderr", "stdin", "__stdout__", "__stderr__", "__stdin__"):
        if file is getattr(sys, name):
            return loading.stream, (name,)
    if isinstance(file, _FILES) and (form := closed_form(file)) is not None:
        return make_closed, form
    msg = f"cannot pickle an open file ({getattr(file, 'name', '?')!r})"
    raise RefusedError(msg, file)


def _reduce_handler(_dump: Dump, handler: logging.Handler) -> Any:
    writes_here = isinstance(handler, (logging.StreamHandler, logging.NullHandler))
    is_own = type(handler).__module__ == "__main__"
    if isinstance(handler, logging.FileHandler) or not (writes_here or is_own):
        msg = f"a {type(handler).__name__} writes from the process that made it"
        raise RefusedError(msg, handler)
    state = {name: value for name, value in vars(handler).items() if name != "lock"}
    return loading.make_handler, (type(handler),), state


def _refuse_iterator(_dump: Dump, iterator: Any) -> Any:
    msg = "an iterator keeps its place for all who share it, and only in its own process"
    raise RefusedError(msg, iterator)


def _reduce_tensor(dump: Dump, tensor: Any) -> Any:
    if tensor.grad_fn is None:
        if not is_plain_tensor(tensor):
            return NotImplemented
        state = tensor_state(tensor)
        return make_tensor, tensor_form(tensor), state, None, None, set_tensor_state
    if not dump.cuts_graphs:
        msg = "the computation that made this tensor (its autograd graph) is in one process only"
        raise RefusedError(msg, tensor)
    return loading.tensor_without_graph, (tensor.detach(),)


def _refuse_iterator_by_itself(dump: Dump, iterator: Any) -> Any:
    """Refuse what libraries also keep inside their objects, where nobody else shares it."""
    if dump.outermost is iterator:
        return _refuse_iterator(dump, iterator)
    return NotImplemented


def _reduce_random(_dump: Dump, generator: Any) -> Any:
    if generator is random._inst:  # noqa: SLF001 - the module's own
        return loading.global_random, ()
    return NotImplemented


def _reduce_random_state(_dump: Dump, generator: Any) -> Any:
    if generator is sys.modules["numpy.random"].mtrand._rand:  # noqa: SLF001 - numpy's own
        return loading.global_random_state, ()
    return NotImplemented


def _reduce_float_info(_dump: Dump, info: Any) -> Any:
    return type(info), (info.dtype,)


def _refuse_widget(_dump: Dump, widget: Any) -> Any:
    msg = f"a {type(widget).__name__} widget lives with the notebook's front end"
    raise RefusedError(msg, widget)


_FILES = (io.TextIOWrapper, io.BufferedReader, io.BufferedWriter, io.BufferedRandom)
_VIEWS: tuple[Any, ...] = ({}.values(), {}.items(), range(0))
_ITERATORS: tuple[type, ...] = (
    enumerate,
    filter,
    map,
    reversed,
    zip,
    *(type(iter(kind())) for kind in (list, tuple, str, bytes, bytearray, set, dict)),
    *(type(iter(view)) for view in _VIEWS),
    *(type(reversed(kind())) for kind in (list, dict)),
    type(iter(int, 0)),
)
_ITERTOOLS = tuple(kind for kind in vars(itertools).values() if isinstance(kind, type))
_REDUCERS: dict[type, Reducer | None] = {
    CachedFunction: _reduce_cached,
    types.MappingProxyType: _reduce_mapping_proxy,
    weakref.WeakKeyDictionary: _reduce_weak_keys,
    types.FunctionType: _reduce_function,
    types.CellType: _reduce_cell,
    functools.cached_property: _reduce_cached_property,
    **dict.fromkeys(_FILES, _reduce_stream),
    random.Random: _reduce_random,
    **dict.fromkeys(_ITERATORS, _refuse_iterator),
    **dict.fromkeys(_ITERTOOLS, _refuse_iterator_by_itself),
}
_BY_MODULE: tuple[tuple[str, str, Reducer], ...] = (
    ("ipywidgets.widgets.widget", "Widget", _refuse_widget),
    ("logging", "Handler", _reduce_handler),
    ("ipykernel.iostream", "OutStream", _reduce_stream),
    ("jupyter_scale.runner.host.streams", "TextStream", _reduce_stream),
)
_EXACT: dict[tuple[str, str], Reducer] = {
    ("numpy", "ndarray"): _reduce_array,
    ("numpy.random.mtrand", "RandomState"): _reduce_random_state,
    ("numpy", "finfo"): _reduce_float_info,
    ("torch", "Tensor"): _reduce_tensor,
    ("torch.nn.parameter", "Parameter"): _reduce_tensor,
    ("pandas.core.frame", "DataFrame"): _reduce_whole,
    ("pandas.core.series", "Series"): _reduce_whole,
    ("pandas", "DataFrame"): _reduce_whole,
    ("pandas", "Series"): _reduce_whole,
    ("matplotlib.cbook", "CallbackRegistry"): _reduce_registry,
    ("concurrent.futures.process", "ProcessPoolExecutor"): _reduce_executor,
    ("concurrent.futures._base", "Future"): _refuse_pools_own,
    ("multiprocessing.pool", "Pool"): _reduce_pool,
    ("multiprocessing.pool", "ApplyResult"): _refuse_pools_own,
    ("multiprocessing.pool", "MapResult"): _refuse_pools_own,
}


def has_reducer(kind: type) -> bool:
    """Tell whether objects of a type are rebuilt by a reducer of ours (``sys.stdout`` as itself).

    Then their attributes are not all that they are, and must not travel by themselves.
    """
    return find_reducer(kind) is not None


def find_reducer(kind: type) -> Reducer | None:
    """Find the reducer of a type, by name: libraries are not imported for it."""
    try:
        return _REDUCERS[kind]
    except KeyError:
        return _look_up(kind)


def _look_up(kind: type) -> Reducer | None:
    """Find the reducer of a type that has not been met, and remember it."""
    reducer = _EXACT.get((kind.__module__, kind.__qualname__))
    if reducer is None and issubclass(kind, BaseException):
        reducer = _reduce_exception
    if reducer is None:
        bases = {(base.__module__, base.__qualname__) for base in kind.__mro__}
        reducer = next((r for module, name, r in _BY_MODULE if (module, name) in bases), None)
    if kind.__flags__ & (1 << 9) == 0 or kind.__module__ != "__main__":
        _REDUCERS[kind] = reducer  # a notebook's classes come and go: not kept alive here
    return reducer
