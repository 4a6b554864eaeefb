"""The pickler: cloudpickle with reducers of our own for what a notebook would miss.

Laws
----
1. A function of the notebook keeps the *live* namespace of the receiver as ``__globals__``;
   closure cells that two functions share stay shared.
2. Memory of 4 KiB or more goes out of band, uncopied.
3. What can be pickled but would arrive as something else (an open file's text, a widget without
   its front end) is refused.
4. Every notebook function met tells which global names its code reads, so that these travel too.
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
import typing
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cloudpickle

from jupyter_scale.analysis.code import dynamic_read, global_reads
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
from jupyter_scale.shipping.files import closed_form, make_closed
from jupyter_scale.shipping.tensors import (
    is_plain_tensor,
    make_tensor,
    set_tensor_state,
    tensor_form,
    tensor_state,
)

IN_BAND_BYTES = 4096
#: Shorter rows are no unit of comparison.
ROW_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Leaf:
    """An array or frame in a stream.

    Attributes
    ----------
    obj, form
        The object; its dtype, shape, and all else but its memory.
    buffers, rows
        Its memory, and of each piece of that the bytes of one row (see `chunk_spans`).
    parts
        The notebook's classes and functions inside a frame.
    """

    obj: Any
    form: bytes
    buffers: tuple[memoryview, ...]
    rows: tuple[int, ...]
    parts: tuple[Any, ...] = ()

    @property
    def key(self) -> bytes:
        """What tells the form from another: itself, and which parts there are."""
        return self.form + b"".join(id(part).to_bytes(8, "little") for part in self.parts)


class RefusedError(TypeError):
    """An object that could be pickled, but would arrive as something else."""

    def __init__(self, message: str, refused: object) -> None:
        super().__init__(message)
        self.refused = refused


class Pickler(cloudpickle.Pickler):
    """Pickle values of `namespace` to `file`.

    Attributes
    ----------
    buffers
        Out-of-band buffers in the order in which they were met.
    leaves
        ``id(array or frame) →`` what its content is compared by.
    global_reads
        Names that the functions in the stream read from the notebook.
    dynamic_reads
        Why such a function may read *any* name, if it may.
    """

    def __init__(self, file: Any, namespace: dict[str, Any]) -> None:
        buffers: list[memoryview] = []
        # Not a method: a pickler that refers to itself keeps all it met until the collector comes.
        super().__init__(file, protocol=5, buffer_callback=_taker(buffers))
        self.buffers = buffers
        self.namespace = namespace
        self.leaves: dict[int, Leaf] = {}
        self.global_reads: set[str] = set()
        self.dynamic_reads: str | None = None
        self._code_files: dict[str, None] = {}
        # ``id(view) → array`` for views that must go on sharing that array's memory.
        self.view_bases: Mapping[int, Any] = {}
        #: See `TokenTable`.
        self.cuts_graphs = False
        #: What is being pickled as a whole.
        self.outermost: Any = None

    @property
    def code_files(self) -> tuple[str, ...]:
        """File names of the notebook code in the stream, for tracebacks over there."""
        return tuple(self._code_files)

    def dump(self, obj: Any) -> None:
        """Pickle `obj`, then whatever the next call brings, sharing one memo."""
        self.outermost = obj
        try:
            super().dump(obj)
        finally:
            self.outermost = None

    def note_leaf(self, leaf: Leaf) -> None:
        """Record by what an array's or frame's content is to be compared."""
        self.leaves[id(leaf.obj)] = leaf

    def reducer_override(self, obj: Any) -> Any:
        """Reduce what cloudpickle loses; leave the rest to it."""
        kind = type(obj)
        try:
            reducer = _REDUCERS[kind]
        except KeyError:
            reducer = _find_reducer(kind)
        if reducer is not None:
            reduced = reducer(self, obj)
            if reduced is not NotImplemented:
                return reduced
        cls = obj if isinstance(obj, type) else kind
        if "<locals>" in cls.__qualname__ and (place := _place_of(obj, cls)) is not None:
            return loading.attribute_of, place
        reduced = super().reducer_override(obj)
        if isinstance(obj, dict | list) and _is_filled_by_own_methods(kind):
            reduced = _reduce_container(obj)
        if isinstance(obj, type) and isinstance(reduced, tuple) and len(reduced) > 2:  # noqa: PLR2004
            # A cache that pickling itself leaves in the class.
            reduced[2][0].pop("__slotnames__", None)
            if obj.__module__ == "__main__" and obj.__qualname__ != obj.__name__:
                reduced[2][0]["__qualname__"] = obj.__qualname__
            if len(reduced[1]) == 6:  # noqa: PLR2004 - not an enumeration, which has one more
                reduced = (loading.make_class, *reduced[1:])
            if _has_own_slots(obj) and isinstance(reduced[1][3], dict):
                reduced[1][3]["__slots__"] = obj.__dict__["__slots__"]
                _drop_slots(reduced[2][0])
        return reduced

    def note_function(self, function: types.FunctionType) -> None:
        """Record what the function's code reads."""
        code = plain_code(function.__code__)
        self.global_reads |= global_reads(code)
        if self.dynamic_reads is None and (why := dynamic_read(code)) is not None:
            self.dynamic_reads = f"{function.__qualname__}: {why}"
        self._code_files[code.co_filename] = None


def _place_of(obj: Any, cls: type) -> tuple[str, str] | None:
    """Return module and name of what a library made with a class inside a function.

    Rebuilt from its parts it would be another one, if it can be rebuilt at all.
    """
    package = cls.__module__.partition(".")[0]
    if package == "__main__":
        return None
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == package:
            for attribute, value in list(getattr(module, "__dict__", {}).items()):
                if value is obj:
                    return name, attribute
    return None


def _is_filled_by_own_methods(kind: Any) -> bool:
    """Tell whether unpickling would run methods that the notebook wrote."""
    names = ("__setitem__",) if issubclass(kind, dict) else ("append", "extend")
    is_default = kind.__reduce_ex__ is object.__reduce_ex__ and kind.__reduce__ is object.__reduce__
    return is_default and any(isinstance(getattr(kind, name), types.FunctionType) for name in names)


def _reduce_container(container: Any) -> Any:
    reduced = container.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
    new, args, state, items, pairs = (*reduced, None, None, None)[:5]
    if items is None and pairs is None:
        return NotImplemented
    content = list(items or ()), list(pairs or ())
    return new, args, (state, *content), None, None, loading.fill


def _taker(buffers: list[memoryview]) -> Callable[[pickle.PickleBuffer], bool]:
    """Return what puts large memory into `buffers`, and tells whether to pickle it in band."""

    def take(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < IN_BAND_BYTES:
            return True
        buffers.append(raw)
        return False

    return take


_Reducer = Callable[[Pickler, Any], Any]


def _reduce_function(pickler: Pickler, function: types.FunctionType) -> Any:
    code = plain_code(function.__code__)
    args: tuple[Any, ...] = (code, function.__name__, function.__closure__)
    if function.__globals__ is pickler.namespace:
        pickler.note_function(function)
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


def _has_own_slots(cls: type) -> bool:
    """Tell whether a class names its slots itself: ``typing.NamedTuple`` does it for its own."""
    own = vars(cls)
    return "__slots__" in own and typing.NamedTuple not in own.get("__orig_bases__", ())


def _drop_slots(state: dict[str, Any]) -> None:
    """Take a class's slots out of its state: they come with its ``__slots__``."""
    for name, value in list(state.items()):
        if name == "__slots__" or isinstance(value, types.MemberDescriptorType):
            del state[name]


def _reduce_cached_property(_pickler: Pickler, value: Any) -> Any:
    state = {name: part for name, part in vars(value).items() if name != "lock"}
    return functools.cached_property, (value.func,), state


def _reduce_cached(_pickler: Pickler, cached: Any) -> Any:
    if is_found_by_name(cached):
        return NotImplemented
    state = cache_state(cached)
    return make_cached, cached_parts(cached), state, None, None, set_cache_state


def _reduce_mapping_proxy(_pickler: Pickler, proxy: Any) -> Any:
    """Reduce a read-only view to its mapping, which it keeps to itself."""
    mapping = next(part for part in gc.get_referents(proxy) if part is not type(proxy))
    return types.MappingProxyType, (mapping,)


def _reduce_weak_keys(_pickler: Pickler, mapping: Any) -> Any:
    """Reduce what `functools.singledispatch` remembers; other keys might live nowhere else."""
    if not all(isinstance(key, type) for key in mapping):
        return NotImplemented
    return weakref.WeakKeyDictionary, (), tuple(mapping.items()), None, None, loading.set_weak_keys


def _reduce_executor(pickler: Pickler, executor: Any) -> Any:
    return closedpools.reduce_executor(executor) or _refuse_pools_own(pickler, executor)


def _reduce_pool(pickler: Pickler, pool: Any) -> Any:
    return closedpools.reduce_pool(pool) or _refuse_pools_own(pickler, pool)


def _refuse_pools_own(_pickler: Pickler, obj: Any) -> Any:
    raise RefusedError(closedpools.OF_A_POOL, obj)


def _reduce_cell(_pickler: Pickler, _cell: types.CellType) -> Any:
    return loading.make_cell, ()


def _reduce_array(pickler: Pickler, array: Any) -> Any:
    if array.dtype.hasobject or array.dtype.itemsize == 0:
        return NotImplemented
    base = pickler.view_bases.get(id(array))
    if base is not None:
        offset = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        shape = (array.dtype, array.shape, offset, array.strides)
        return loading.view_of, (base, *shape, array.flags.writeable)
    order = memory_order(array)
    memory = array_bytes(array, order)
    form = f"{array.dtype.descr!r}{array.shape}{order}{array.flags.writeable:d}".encode()
    pickler.note_leaf(Leaf(array, form, (memoryview(memory),), (0,)))
    args = (pickle.PickleBuffer(memory), array.dtype, array.shape, order, array.flags.writeable)
    return loading.load_array, args


def memory_order(array: Any) -> str:
    """Return ``"F"`` for arrays that are contiguous in Fortran's order only, else ``"C"``."""
    return "C" if array.flags.c_contiguous or not array.flags.f_contiguous else "F"


def array_bytes(array: Any, order: str) -> Any:
    """Return the elements as a flat ``uint8`` array in memory order; copies only if strided."""
    import numpy as np

    contiguous = np.asarray(array, order=order)  # type: ignore[call-overload]
    flat = contiguous.reshape(-1, order=order)
    return flat.view(np.uint8)


def _row_bytes(array: Any) -> int:
    """Return the bytes of what lies together in a table's memory, usually a column; 0 if small."""
    if array.ndim != 2 or not array.size:  # noqa: PLR2004 - a table
        return 0
    row = int(array.nbytes // array.shape[0 if memory_order(array) == "C" else 1])
    return row if row >= ROW_BYTES else 0


def _reduce_whole(pickler: Pickler, obj: Any) -> Any:
    """Reduce an object to one opaque piece.

    The insides of a frame may share memory copy-on-write with other frames, so nothing inside may
    ever be written to from outside: no tokens there.
    """
    inner = _pickle_whole(obj, pickler.namespace)
    pickler.global_reads |= inner.global_reads
    pickler.dynamic_reads = pickler.dynamic_reads or inner.dynamic_reads
    leaf = inner.as_leaf()
    pickler.note_leaf(leaf)
    return loading.load_whole, leaf_state(leaf)


def whole_leaf(obj: Any) -> Leaf:
    """Return form and memory of an object that travels as one piece."""
    return _pickle_whole(obj, {}).as_leaf()


def leaf_state(leaf: Leaf) -> Any:
    """Return the arguments of `loading.load_whole` that rebuild an object from its form."""
    return leaf.form, [pickle.PickleBuffer(buffer) for buffer in leaf.buffers], leaf.parts


def whole_state(obj: Any) -> Any:
    """Return the arguments of `loading.load_whole` that rebuild `obj`."""
    return leaf_state(whole_leaf(obj))


def _pickle_whole(obj: Any, namespace: dict[str, Any]) -> _WholePickler:
    file = io.BytesIO()
    inner = _WholePickler(file, namespace)
    inner.root = obj
    inner.dump(obj)
    inner.payload = file.getvalue()
    return inner


#: Is in the form of a frame that has parts.
PART = loading.part_of_whole.__name__.encode()


class _WholePickler(Pickler):
    """Pickles one object without treating that object itself as a whole again."""

    root: Any = None
    payload = b""

    def __init__(self, file: Any, namespace: dict[str, Any]) -> None:
        super().__init__(file, namespace)
        #: Definitions of the notebook met inside: they travel by themselves, as everywhere.
        self.parts: dict[int, Any] = {}

    def as_leaf(self) -> Leaf:
        """Return the form and memory of what was pickled."""
        rows = {
            id(buffer.obj): _row_bytes(leaf.obj)
            for leaf in self.leaves.values()
            for buffer in leaf.buffers
            if type(leaf.obj).__name__ == "ndarray"
        }
        buffers = tuple(self.buffers)
        return Leaf(
            self.root,
            self.payload,
            buffers,
            tuple(rows.get(id(b.obj), 0) for b in buffers),
            tuple(self.parts.values()),
        )

    def reducer_override(self, obj: Any) -> Any:
        if obj is self.root:
            return self._reduce_root()
        if isinstance(obj, _Part):
            obj = obj.value
        elif not _is_of_notebook(obj):
            return super().reducer_override(obj)
        self.parts.setdefault(id(obj), obj)
        return loading.part_of_whole, (list(self.parts).index(id(obj)),)

    def _reduce_root(self) -> Any:
        """Add what pandas' state leaves out: attributes that the user set."""
        own = own_attributes(self.root)
        if not own:
            return NotImplemented
        new, args, state, *rest = self.root.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        return new, args, {**state, **{n: _Part(value) for n, value in own.items()}}, *rest


@dataclass(frozen=True, slots=True)
class _Part:
    """Stands in a whole for an object that travels by itself, with its identity."""

    value: Any


def own_attributes(frame: Any) -> dict[str, Any]:
    """Return the attributes that a user has set on a frame or series, beside its columns."""
    kind = (frame._internal_names, frame._metadata, frame._accessors)  # noqa: SLF001 - no other way
    known = {"_attrs", "_flags"}.union(*kind)
    return {name: value for name, value in vars(frame).items() if name not in known}


def _is_of_notebook(obj: Any) -> bool:
    """Tell whether an object is a class or function that the notebook defines."""
    if isinstance(obj, type):
        return obj.__module__ == "__main__"
    return isinstance(obj, types.FunctionType) and obj.__globals__.get("__name__") == "__main__"


def _reduce_registry(_pickler: Pickler, registry: Any) -> Any:
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


_EXCEPTION_FIELDS = ("name", "path", "code", "value", "filename", "filename2")


def _reduce_exception(_pickler: Pickler, error: BaseException) -> Any:
    """Reduce an exception with its chain; cloudpickle loses that, and runs ``__init__``."""
    kind = type(error)
    if not is_plain_exception(kind):
        return NotImplemented
    return (
        loading.make_exception,
        (kind, error.args),
        exception_state(error),
        None,
        None,
        loading.set_exception_state,
    )


def is_plain_exception(kind: type[BaseException]) -> bool:
    """Tell whether `exception_state` and ``args`` are all of such an exception."""
    return kind.__reduce__ in _PLAIN_EXCEPTION_REDUCES and _has_plain_new(kind)


def exception_state(error: BaseException) -> dict[str, Any]:
    """Return all of an exception but its type, ``args`` and traceback."""
    return {
        "dict": dict(error.__dict__),
        "slots": {
            name: getattr(error, name)
            for name in _EXCEPTION_FIELDS
            if isinstance(getattr(type(error), name, None), types.MemberDescriptorType)
            and getattr(error, name) is not None
        },
        "cause": error.__cause__,
        "context": error.__context__,
        "suppress": error.__suppress_context__,
    }


_PLAIN_EXCEPTION_REDUCES = (BaseException.__reduce__, ImportError.__reduce__)


def _has_plain_new(kind: type[BaseException]) -> bool:
    """Tell whether an exception's ``__new__`` is the interpreter's and takes any arguments."""
    owner = getattr(kind.__new__, "__self__", None)
    return isinstance(owner, type) and not issubclass(owner, (OSError, BaseExceptionGroup))


def _reduce_stream(_pickler: Pickler, file: Any) -> Any:
    for name in ("stdout", "stderr", "stdin", "__stdout__", "__stderr__", "__stdin__"):
        if file is getattr(sys, name):
            return loading.stream, (name,)
    if isinstance(file, _FILES) and (form := closed_form(file)) is not None:
        return make_closed, form
    msg = f"cannot pickle an open file ({getattr(file, 'name', '?')!r})"
    raise RefusedError(msg, file)


def _reduce_handler(_pickler: Pickler, handler: logging.Handler) -> Any:
    writes_here = isinstance(handler, (logging.StreamHandler, logging.NullHandler))
    is_own = type(handler).__module__ == "__main__"
    if isinstance(handler, logging.FileHandler) or not (writes_here or is_own):
        msg = f"a {type(handler).__name__} writes from the process that made it"
        raise RefusedError(msg, handler)
    state = {name: value for name, value in vars(handler).items() if name != "lock"}
    return loading.make_handler, (type(handler),), state


def _refuse_iterator(_pickler: Pickler, iterator: Any) -> Any:
    msg = "an iterator keeps its place for all who share it, and only in its own process"
    raise RefusedError(msg, iterator)


def _reduce_tensor(pickler: Pickler, tensor: Any) -> Any:
    if tensor.grad_fn is None:
        if not is_plain_tensor(tensor):
            return NotImplemented
        state = tensor_state(tensor)
        return make_tensor, tensor_form(tensor), state, None, None, set_tensor_state
    if not pickler.cuts_graphs:
        msg = "the computation that made this tensor (its autograd graph) is in one process only"
        raise RefusedError(msg, tensor)
    return loading.tensor_without_graph, (tensor.detach(),)


def _refuse_iterator_by_itself(pickler: Pickler, iterator: Any) -> Any:
    """Refuse what libraries also keep inside their objects, where nobody else shares it."""
    if pickler.outermost is iterator:
        return _refuse_iterator(pickler, iterator)
    return NotImplemented


def _reduce_random(_pickler: Pickler, generator: Any) -> Any:
    if generator is random._inst:  # noqa: SLF001 - the module's own
        return loading.global_random, ()
    return NotImplemented


def _reduce_random_state(_pickler: Pickler, generator: Any) -> Any:
    if generator is sys.modules["numpy.random"].mtrand._rand:  # noqa: SLF001 - numpy's own
        return loading.global_random_state, ()
    return NotImplemented


def _reduce_float_info(_pickler: Pickler, info: Any) -> Any:
    return type(info), (info.dtype,)


def _refuse_widget(_pickler: Pickler, widget: Any) -> Any:
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
_REDUCERS: dict[type, _Reducer | None] = {
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
_BY_MODULE: tuple[tuple[str, str, _Reducer], ...] = (
    ("ipywidgets.widgets.widget", "Widget", _refuse_widget),
    ("logging", "Handler", _reduce_handler),
    ("ipykernel.iostream", "OutStream", _reduce_stream),
    ("jupyter_scale.runner.host.streams", "TextStream", _reduce_stream),
)
_EXACT: dict[tuple[str, str], _Reducer] = {
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
    return (_REDUCERS.get(kind) or _find_reducer(kind)) is not None


def _find_reducer(kind: type) -> _Reducer | None:
    """Find the reducer of a type by name (libraries are not imported for it); remember it."""
    reducer = _EXACT.get((kind.__module__, kind.__qualname__))
    if reducer is None and issubclass(kind, BaseException):
        reducer = _reduce_exception
    if reducer is None:
        bases = {(base.__module__, base.__qualname__) for base in kind.__mro__}
        reducer = next((r for module, name, r in _BY_MODULE if (module, name) in bases), None)
    if kind.__flags__ & (1 << 9) == 0 or kind.__module__ != "__main__":
        _REDUCERS[kind] = reducer  # a notebook's classes come and go: not kept alive here
    return reducer
