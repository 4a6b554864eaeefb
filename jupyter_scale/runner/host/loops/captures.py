"""What a loop reads: found transitively, and packed once for all workers."""

from __future__ import annotations

import gc
import linecache
import types
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_scale.analysis.code import dynamic_read, global_reads, global_writes
from jupyter_scale.errors import CannotTravel
from jupyter_scale.runner import cargo
from jupyter_scale.runner.host.loops.captured import FUNCTION, Captured, Terms
from jupyter_scale.runner.host.loops.pieces import CAPTURED, Known
from jupyter_scale.runner.host.loops.receivers import is_array
from jupyter_scale.runner.host.loops.sources import can_take_ahead
from jupyter_scale.shipping.ambient.ambience import Ambience
from jupyter_scale.shipping.ambient.places import is_of_output
from jupyter_scale.shipping.codes import plain_code
from jupyter_scale.shipping.fingerprint import DigestCache
from jupyter_scale.shipping.replica import Replica
from jupyter_scale.shipping.snapshot import Snapshot
from jupyter_scale.shipping.states import is_mutable_data

_SKIP = frozenset({"get_ipython", "exit", "quit", "__builtins__", "__builtin__"})


_FRAMES = frozenset({"_getframe", "currentframe", "_current_frames"})


class CannotSpreadError(Exception):
    """A loop has to run in order; lasting: and so each time."""

    def __init__(self, why: str, *, is_lasting: bool = True) -> None:
        super().__init__(why)
        self.is_lasting = is_lasting


@dataclass(frozen=True, slots=True)
class Capture:
    """What a loop reads.

    Attributes
    ----------
    captured
        Packed for the workers.
    known
        The objects in it, by reference.
    names, writes
        The notebook's names that are read, and those that functions may bind.
    ids
        ``id()`` of the objects that are reached.
    arrays
        Those of them that are arrays.
    """

    captured: Captured
    known: Known
    names: frozenset[str]
    writes: frozenset[str]
    ids: frozenset[int]
    arrays: tuple[Any, ...]

    def may_change(self, obj: Any) -> bool:
        """Tell whether iterations reach an object that can change."""
        return id(obj) in self.ids and is_mutable_data(obj)


class Capturer:
    """Packs what loops of one namespace read.

    Parameters
    ----------
    namespace
        The notebook's variables.
    file_names
        Names under which the shell knows the notebook's code, ``file name → In[n]``.
    ambience, shared
        The process-wide state, and the directory of shared memory.
    """

    def __init__(
        self,
        namespace: dict[str, Any],
        file_names: Mapping[str, Any],
        ambience: Ambience,
        shared: Path | None,
    ) -> None:
        self._namespace, self._file_names = namespace, file_names
        self._ambience, self._shared = ambience, shared

    def capture(self, function: Any, terms: Terms) -> Capture:
        """Pack a function and all that it reads.

        Raises
        ------
        CannotSpreadError
            Something of that cannot travel, or cannot be told.
        """
        replica = Replica(self._namespace, is_notebook=False)
        cache = DigestCache()
        try:
            places = self._look_at_places(replica, cache)
            snapshots = places | self._look(replica, cache, {FUNCTION: function}, places.values())
            packed = replica.pack(snapshots)
        except CannotTravel as error:
            raise CannotSpreadError(str(error)) from error
        if terms.protocol is not None and any(map(_looks_at_frames, packed.memo.values())):
            msg = "something that it calls looks at the frames of its callers"
            raise CannotSpreadError(msg)
        files = {name for snapshot in snapshots.values() for name in snapshot.code_files}
        captured = Captured(
            b"".join(s.digest for _, s in sorted(snapshots.items())),
            uuid.uuid4().hex,
            cargo.to_body(packed.parcel, self._shared),
            self._ambience.everything(),
            self._sources(files),
            str(self._shared) if self._shared else None,
            terms,
        )
        return Capture(
            captured,
            Known().add(CAPTURED, packed.memo.items()),
            frozenset(snapshots),
            frozenset().union(*map(_writes, packed.memo.values())),
            frozenset(map(id, packed.memo.values())),
            tuple(filter(is_array, packed.memo.values())),
        )

    def reach(self, generators: Iterable[types.GeneratorType[Any, Any, Any]]) -> Reach:
        """Return what generators read when they make their next value.

        Raises
        ------
        CannotSpreadError
            That cannot be told.
        """
        todo, values, names = list(generators), list[Any](), set[str]()
        while todo:
            generator = todo.pop()
            if generator.gi_code.co_filename in self._file_names:
                names |= global_reads(generator.gi_code)
                if (why := dynamic_read(generator.gi_code)) is not None:
                    raise CannotSpreadError(why)
            frame = generator.gi_frame
            for value in (frame.f_locals if frame is not None else {}).values():
                if isinstance(value, types.GeneratorType):
                    todo.append(value)
                elif hasattr(value, "__next__") and can_take_ahead(value):
                    values += gc.get_referents(value)
                else:
                    values.append(value)
        replica, cache = Replica(self._namespace, is_notebook=False), DigestCache()
        roots = {f"<item {n}>": value for n, value in enumerate(values)}
        try:
            snapshots = self._look(replica, cache, roots, (), names)
        except CannotTravel as error:
            raise CannotSpreadError(f"what its items are made of: {error.reason}") from error
        objects = [obj for snapshot in snapshots.values() for obj in snapshot.objects]
        return Reach(frozenset(snapshots), tuple(objects))

    def _look(
        self,
        replica: Replica,
        cache: DigestCache,
        roots: Mapping[str, Any],
        others: Iterable[Snapshot],
        names: Iterable[str] = (),
    ) -> dict[str, Snapshot]:
        """Return snapshots of values, and of all names that they lead to."""
        snapshots = {name: replica.look_at(name, value, cache) for name, value in roots.items()}
        todo = set(names)
        for snapshot in (*snapshots.values(), *others):
            todo |= _names_read(snapshot)
        while todo:
            name = todo.pop()
            if name in snapshots or name not in self._namespace or name in _SKIP:
                continue
            snapshots[name] = replica.look([name], cache)[name]
            todo |= _names_read(snapshots[name]) - set(snapshots)
        return snapshots

    def _look_at_places(self, replica: Replica, cache: DigestCache) -> dict[str, Snapshot]:
        """Take snapshots of process-wide objects but those that concern output."""
        places = self._ambience.places.look(replica, cache)
        return {name: snapshot for name, snapshot in places.items() if not is_of_output(name)}

    def _sources(self, file_names: Iterable[str]) -> Mapping[str, Any]:
        return {
            name: ("".join(linecache.getlines(name)), self._file_names[name])
            for name in file_names
            if name in self._file_names
        }


@dataclass(frozen=True, slots=True)
class Reach:
    """What making items reads: names, and objects."""

    names: frozenset[str]
    objects: tuple[Any, ...]


def _writes(obj: Any) -> frozenset[str]:
    is_function = isinstance(obj, types.FunctionType)
    return global_writes(plain_code(obj.__code__)) if is_function else frozenset()


def _looks_at_frames(obj: Any) -> bool:
    is_function = isinstance(obj, types.FunctionType)
    return is_function and not _FRAMES.isdisjoint(obj.__code__.co_names)


def _names_read(snapshot: Snapshot) -> frozenset[str]:
    if snapshot.dynamic_reads is not None:
        raise CannotSpreadError(snapshot.dynamic_reads)
    return snapshot.global_reads
