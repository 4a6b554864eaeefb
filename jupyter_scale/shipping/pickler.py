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

import io
import pickle
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cloudpickle

from jupyter_scale.analysis.code import dynamic_read, global_reads
from jupyter_scale.shipping import loading
from jupyter_scale.shipping.codes import plain_code
from jupyter_scale.shipping.leaves import Leaf, leaf_state, row_bytes
from jupyter_scale.shipping.reducers import find_reducer

IN_BAND_BYTES = 4096


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
        reducer = find_reducer(kind)
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

    def reduce_whole(self, obj: Any) -> Any:
        """Reduce an object to one opaque piece.

        The insides of a frame may share memory copy-on-write with other frames, so nothing inside
        may ever be written to from outside: no tokens there.
        """
        inner = _pickle_whole(obj, self.namespace)
        self.global_reads |= inner.global_reads
        self.dynamic_reads = self.dynamic_reads or inner.dynamic_reads
        leaf = inner.as_leaf()
        self.note_leaf(leaf)
        return loading.load_whole, leaf_state(leaf)


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


def _has_own_slots(cls: type) -> bool:
    """Tell whether a class names its slots itself: ``typing.NamedTuple`` does it for its own."""
    own = vars(cls)
    return "__slots__" in own and typing.NamedTuple not in own.get("__orig_bases__", ())


def _drop_slots(state: dict[str, Any]) -> None:
    """Take a class's slots out of its state: they come with its ``__slots__``."""
    for name, value in list(state.items()):
        if name == "__slots__" or isinstance(value, types.MemberDescriptorType):
            del state[name]


def _taker(buffers: list[memoryview]) -> Callable[[pickle.PickleBuffer], bool]:
    """Return what puts large memory into `buffers`, and tells whether to pickle it in band."""

    def take(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < IN_BAND_BYTES:
            return True
        buffers.append(raw)
        return False

    return take


def whole_leaf(obj: Any) -> Leaf:
    """Return form and memory of an object that travels as one piece."""
    return _pickle_whole(obj, {}).as_leaf()


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
            id(buffer.obj): row_bytes(leaf.obj)
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
    known = {"_attrs", "_flags", "_typ"}.union(*kind)  # unpickling sets the last
    return {name: value for name, value in vars(frame).items() if name not in known}


def _is_of_notebook(obj: Any) -> bool:
    """Tell whether an object is a class or function that the notebook defines."""
    if isinstance(obj, type):
        return obj.__module__ == "__main__"
    return isinstance(obj, types.FunctionType) and obj.__globals__.get("__name__") == "__main__"
