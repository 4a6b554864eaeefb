"""The context in which a stream is rebuilt, and the functions that streams name.

Streams refer to the functions of this module by name, so it is part of the wire format.
"""

from __future__ import annotations

import importlib
import io
import logging
import pickle
import random
import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import cloudpickle

Namespace = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LoadContext:
    """Where a stream is being loaded.

    Attributes
    ----------
    namespace
        Becomes ``__globals__`` of every notebook function: the live one, never a copy.
    owned_arrays
        Whether arrays must own their memory (as the plain cell's would), or may stay on the
        receiver's private mapping, which saves a copy.
    notes
        Takes what the user should know of values that did not arrive whole.
    """

    namespace: Namespace
    owned_arrays: bool
    notes: list[str]


_context: ContextVar[LoadContext] = ContextVar("jupyter_scale_load_context")


@contextmanager
def loading_into(namespace: Namespace, *, owned_arrays: bool) -> Iterator[list[str]]:
    """Make `namespace` the one that loaded functions refer to; yield the notes of the load."""
    context = LoadContext(namespace, owned_arrays, [])
    reset = _context.set(context)
    try:
        yield context.notes
    finally:
        _context.reset(reset)


def live_namespace() -> Namespace:
    """Return the namespace that is being loaded into."""
    return _context.get().namespace


# -- functions of the notebook ---------------------------------------------------------------


def make_cell() -> types.CellType:
    """Return an empty closure cell; its content is set by the functions that share it."""
    return types.CellType()


def make_function(
    code: types.CodeType,
    name: str,
    closure: tuple[types.CellType, ...] | None,
    library: str | None = None,
) -> types.FunctionType:
    """Return a function on the live namespace, or a library's, without its state."""
    own = live_namespace() if library is None else importlib.import_module(library).__dict__
    return types.FunctionType(code, own, name, None, closure)


def set_function_state(function: types.FunctionType, state: dict[str, Any]) -> None:
    """Give `function` the attributes and the closure contents in `state`."""
    for cell, (is_set, content) in zip(function.__closure__ or (), state["cells"], strict=True):
        if is_set:
            cell.cell_contents = content
    function.__defaults__ = state["defaults"]
    function.__kwdefaults__ = state["kwdefaults"]
    function.__annotations__ = dict(state["annotations"])
    function.__name__ = state["name"]
    function.__qualname__ = state["qualname"]
    function.__doc__ = state["doc"]
    function.__module__ = state["module"]
    if "type_params" in state:
        function.__type_params__ = state["type_params"]  # type: ignore[attr-defined]
    function.__dict__.clear()
    function.__dict__.update(state["dict"])


def attribute_of(module: str, name: str) -> Any:
    """Return what this process has there."""
    return getattr(importlib.import_module(module), name)


def set_weak_keys(mapping: Any, items: Any) -> None:
    """Give a weak-keyed mapping exactly these items."""
    mapping.clear()
    mapping.update(items)


def global_random() -> Any:
    """Return the generator behind the functions of `random`."""
    return random._inst  # noqa: SLF001 - it has no other name


def global_random_state() -> Any:
    """Return the generator behind the functions of `numpy.random`."""
    import numpy as np

    return np.random.mtrand._rand  # noqa: SLF001 - as above


def tensor_without_graph(tensor: Any) -> Any:
    """Return a tensor as one that gradients are wanted for, as its original was."""
    _context.get().notes.append(
        "a tensor came home without the computation that made it (its autograd graph): call"
        " backward() in a %%scale cell"
    )
    return tensor.requires_grad_()


def stream(name: str) -> Any:
    """Return this process's own ``sys.stdout`` or the like."""
    return getattr(sys, name)


def make_class(
    metaclass: type, name: str, bases: tuple[Any, ...], body: dict[str, Any], *rest: Any
) -> Any:
    """Return an empty class; the notebook's own hooks, which have run already, do not run again.

    It is made as cloudpickle makes it, so that the same class is found again.
    """
    library = next(base for base in metaclass.__mro__ if base.__module__ != "__main__")

    def construct(_name: str, bases: tuple[Any, ...], body: dict[str, Any]) -> Any:
        if library is metaclass:
            return metaclass(name, bases, body)
        return library.__new__(metaclass, name, bases, body)

    with _without_subclass_hooks(bases):
        return cloudpickle.cloudpickle._make_skeleton_class(construct, name, bases, body, *rest)  # noqa: SLF001


_HOOK = "__init_subclass__"


@contextmanager
def _without_subclass_hooks(bases: tuple[Any, ...]) -> Iterator[None]:
    """Mute what the notebook's base classes do for each new subclass."""
    hooks = {
        cls: vars(cls)[_HOOK]
        for base in bases
        for cls in getattr(base, "__mro__", ())
        if cls.__module__ == "__main__" and _HOOK in vars(cls)
    }
    try:
        for cls in hooks:
            type.__setattr__(cls, _HOOK, classmethod(lambda _cls, **_keywords: None))
        yield
    finally:
        for cls, hook in hooks.items():
            type.__setattr__(cls, _HOOK, hook)


def make_handler(kind: type[logging.Handler]) -> logging.Handler:
    """Return a log handler with a lock of its own; its state is set by the unpickler."""
    handler = kind.__new__(kind)
    logging.Handler.__init__(handler)
    return handler


# -- exceptions ------------------------------------------------------------------------------


def make_exception(kind: type[BaseException], args: tuple[Any, ...]) -> BaseException:
    """Return an exception with these ``args``, without running a notebook class's ``__init__``."""
    error = kind.__new__(kind, *args)
    builtin = next(base for base in kind.__mro__ if base.__module__ == "builtins")
    builtin.__init__(error, *args)  # type: ignore[misc]
    error.args = args
    return error


def set_exception_state(error: BaseException, state: dict[str, Any]) -> None:
    """Give an exception its attributes and its chain."""
    error.__dict__.update(state["dict"])
    for name, value in state["slots"].items():
        setattr(error, name, value)
    error.__cause__ = state["cause"]
    error.__context__ = state["context"]
    error.__suppress_context__ = state["suppress"]


def fill(container: Any, state: tuple[Any, list[Any], list[tuple[Any, Any]]]) -> None:
    """Give a new list or dictionary its content without the methods of its own class."""
    attributes, items, pairs = state
    if items:
        list.extend(container, items)
    for key, value in pairs:
        dict.__setitem__(container, key, value)
    if hasattr(type(container), "__setstate__"):
        container.__setstate__(attributes)
    elif attributes:
        own, slots = attributes if isinstance(attributes, tuple) else (attributes, None)
        if own:
            container.__dict__.update(own)
        for name, value in (slots or {}).items():
            object.__setattr__(container, name, value)


# -- arrays and frames -----------------------------------------------------------------------


def load_array(
    buffer: Any,
    dtype: Any,
    shape: tuple[int, ...],
    order: str,
    writeable: bool,  # noqa: FBT001
) -> Any:
    """Rebuild an exact ``numpy.ndarray`` without object elements.

    Parameters
    ----------
    buffer
        The elements' bytes in memory order.
    dtype, shape
        As in numpy.
    order
        ``"C"`` or ``"F"``.
    writeable
        The flag of the original.
    """
    import numpy as np

    flat: Any = np.frombuffer(buffer, dtype=np.uint8).view(dtype)
    array = flat.reshape(shape, order=order)
    if _context.get().owned_arrays or not array.flags.writeable:
        array = array.copy(order=order)
    if not writeable:
        array.flags.writeable = False
    return array


def view_of(
    base: Any,
    dtype: Any,
    shape: tuple[int, ...],
    offset: int,
    strides: tuple[int, ...],
    writeable: bool,  # noqa: FBT001
) -> Any:
    """Rebuild a view so that it and its base stay one memory (offset and strides in bytes)."""
    import numpy as np

    # A plain view: numpy's chain of bases must lead from it to the memory's owner.
    memory = base.reshape(-1, order="A").view(np.uint8)
    array: Any = np.ndarray(shape, dtype, memory, offset, strides)
    if not writeable:
        array.flags.writeable = False
    return array


_parts: ContextVar[Sequence[Any]] = ContextVar("jupyter_scale_parts")


def load_whole(payload: bytes, buffers: Sequence[Any], parts: Sequence[Any] = ()) -> Any:
    """Rebuild an object that travels as one piece, without tokens inside.

    Parameters
    ----------
    payload, buffers
        Its pickle, and the memory that is out of band.
    parts
        Classes and functions of the notebook, which the pickle refers to by number.
    """
    before = _parts.set(parts)
    try:
        return pickle.Unpickler(io.BytesIO(payload), buffers=buffers).load()
    finally:
        _parts.reset(before)


def part_of_whole(number: int) -> Any:
    """Return a definition to which the piece that is being rebuilt refers."""
    return _parts.get()[number]
