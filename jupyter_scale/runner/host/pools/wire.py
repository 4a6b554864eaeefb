"""Calls and results on their way between a pool and its workers.

Laws
----
1. As in plain pools, what the notebook defines travels by name: a worker finds it in its image of
   the notebook, and a result of a notebook's class is of that very class again.
2. Everything else is a copy on the other side, also as in plain pools.
3. What works between processes of one machine only (locks, queues, shared memory) does not travel.
"""

from __future__ import annotations

import io
import pickle
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_scale.runner.host.pools.sharing import SharedMaps, why_shared
from jupyter_scale.shipping.leaves import Leaf
from jupyter_scale.shipping.loading import live_namespace, loading_into
from jupyter_scale.shipping.pickler import Pickler
from jupyter_scale.transport.segments import map_segment


class StaysHere(Exception):
    """A value that only processes of this machine can use; the text says which."""


@dataclass(frozen=True, slots=True)
class Memory:
    """One buffer: the name of its shared memory segment, or its bytes."""

    nbytes: int
    segment: str | None
    inline: bytes = b""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A pickled value with its large buffers."""

    stream: bytes
    memory: tuple[Memory, ...]


class _BundlePickler(Pickler):
    """Pickles what `names` lead to by name, and the rest by value."""

    def __init__(
        self,
        file: Any,
        namespace: dict[str, Any],
        names: Mapping[str, Any],
        *,
        is_strict: bool,
        is_call: bool,
    ) -> None:
        super().__init__(file, namespace)
        self._names, self._is_strict = names, is_strict
        self._maps = SharedMaps() if is_call else None
        #: The names met.
        self.met: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, (types.FunctionType, type)):
            if is_named(obj, self._names):
                self.met.add(obj.__qualname__.partition(".")[0])
                return find, (obj.__qualname__,)
            if self._is_strict and (isinstance(obj, types.FunctionType) or _is_of_notebook(obj)):
                pickle.dumps(obj)  # raises for a lambda just what the plain pool does
        else:
            self._check(obj)
        return super().reducer_override(obj)

    def note_leaf(self, leaf: Leaf) -> None:
        self._check(leaf.obj)
        super().note_leaf(leaf)

    def _check(self, obj: Any) -> None:
        if self._maps is not None and (why := why_shared(obj, self._maps)):
            raise StaysHere(why)


def is_named(definition: Any, names: Mapping[str, Any]) -> bool:
    """Tell whether a function or class is found under the name that it has in the notebook."""
    if not _is_of_notebook(definition):
        return False
    first, *rest = definition.__qualname__.split(".")
    found = names.get(first)
    for part in rest:
        found = getattr(found, part, None)
    return found is definition


def _is_of_notebook(definition: Any) -> bool:
    return bool(definition.__module__ == "__main__")


def find(qualified: str) -> Any:
    """Return what has this qualified name in the namespace that is being loaded into."""
    first, *rest = qualified.split(".")
    try:
        found = live_namespace()[first]
    except KeyError:
        msg = f"module '__main__' has no attribute {first!r}"
        raise AttributeError(msg) from None
    for part in rest:
        found = getattr(found, part)
    return found


def pack(
    value: Any,
    namespace: dict[str, Any],
    names: Mapping[str, Any],
    store: Callable[[memoryview], Memory],
    *,
    is_strict: bool,
    is_call: bool,
) -> tuple[Bundle, set[str]]:
    """Pickle a value; return it with the names of the notebook that it needs over there.

    Parameters
    ----------
    namespace
        The globals of the notebook's functions.
    names
        What can be found by name.
    store
        Takes a large buffer.
    is_strict
        Refuse functions and classes that are found under no name.
    is_call
        Look for what would not work in a process of another machine; a result is lost without it.

    Raises
    ------
    StaysHere
        For what only processes of this machine can use.
    Exception
        What pickling raises, as in a plain pool.
    """
    file = io.BytesIO()
    pickler = _BundlePickler(file, namespace, names, is_strict=is_strict, is_call=is_call)
    pickler.dump(value)
    if is_call and pickler.dynamic_reads is not None:
        raise StaysHere(pickler.dynamic_reads)
    needs = pickler.met | {name for name in pickler.global_reads if name in names}
    return Bundle(file.getvalue(), tuple(map(store, pickler.buffers))), needs


def unpack(bundle: Bundle, namespace: dict[str, Any], shared: Path | None) -> Any:
    """Rebuild a value; segments are left where they are."""
    buffers = [_recall(memory, shared) for memory in bundle.memory]
    with loading_into(namespace, owned_arrays=False):
        return pickle.Unpickler(io.BytesIO(bundle.stream), buffers=buffers).load()


def _recall(memory: Memory, shared: Path | None) -> memoryview:
    if memory.segment is None or shared is None:
        return memoryview(bytearray(memory.inline))
    return map_segment(shared, memory.segment, [memory.nbytes])[0]
