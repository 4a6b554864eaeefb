"""What a pool's tasks find in their process: the notebook as when a plain pool would fork."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_scale.errors import CannotTravel
from jupyter_scale.runner import cargo
from jupyter_scale.runner.host.pools.sharing import SharedMaps, why_shared
from jupyter_scale.runner.host.pools.wire import Bundle, StaysHere
from jupyter_scale.shipping.ambient.ambience import Ambience
from jupyter_scale.shipping.ambient.places import is_of_output
from jupyter_scale.shipping.fingerprint import DigestCache
from jupyter_scale.shipping.replica import Replica
from jupyter_scale.shipping.snapshot import Snapshot

_OWN_NAMES = frozenset({"get_ipython", "exit", "quit", "__builtins__", "__builtin__"})


@dataclass(frozen=True, slots=True)
class Image:
    """Names of the notebook and ambient state, packed once for all workers.

    Attributes
    ----------
    initializer
        ``(function, arguments)`` to be called before the first task.
    sources
        ``file name → text`` of the code inside, for tracebacks.
    is_strict
        Whether results are refused as plain pickle does.
    """

    parcel: Mapping[str, Any]
    ambient: Mapping[str, bytes]
    sources: Mapping[str, str]
    initializer: Bundle | None
    is_strict: bool


class Fork:
    """The notebook at the moment in which a plain pool would copy it.

    Parameters
    ----------
    namespace
        The live one.
    ambience
        The process-wide state.
    shared
        The directory for shared memory.
    """

    def __init__(self, namespace: dict[str, Any], ambience: Ambience, shared: Path | None) -> None:
        self._live, self._shared = namespace, shared
        #: ``name → value``: what was bound then, and after that what is bound since.
        self.names: Mapping[str, Any] = collections.ChainMap(dict(namespace), namespace)
        self._ambience, self._ambient = ambience, ambience.everything()

    def take_image(
        self, needs: Iterable[str], initializer: Bundle | None, *, is_strict: bool
    ) -> Image:
        """Pack names and all that the functions among them read, transitively.

        Raises
        ------
        StaysHere
            A value cannot travel, or other processes of this machine see what happens to it.
        """
        replica = Replica(self._live, is_notebook=False)
        try:
            snapshots = self._look(replica, set(needs))
            packed = replica.pack(snapshots)
        except CannotTravel as error:
            raise StaysHere(str(error)) from error
        files = {name for snapshot in snapshots.values() for name in snapshot.code_files}
        parcel = cargo.to_body(packed.parcel, self._shared)
        return Image(parcel, self._ambient, _sources(files), initializer, is_strict)

    def _look(self, replica: Replica, todo: set[str]) -> dict[str, Snapshot]:
        cache, maps = DigestCache(), SharedMaps()
        places = self._ambience.places.look(replica, cache)
        snapshots = {name: each for name, each in places.items() if not is_of_output(name)}
        for snapshot in snapshots.values():
            todo |= snapshot.global_reads
        while todo:
            name = todo.pop()
            if name in snapshots or name not in self.names or name in _OWN_NAMES:
                continue
            snapshot = replica.look_at(name, self.names[name], cache)
            if snapshot.dynamic_reads is not None:
                raise StaysHere(snapshot.dynamic_reads)
            for obj in (snapshot.root, *snapshot.objects):
                if why := why_shared(obj, maps):
                    raise StaysHere(f"{name!r}: {why}")
            snapshots[name] = snapshot
            todo |= snapshot.global_reads
        return snapshots


def _sources(file_names: Iterable[str]) -> dict[str, str]:
    import linecache

    return {name: "".join(linecache.getlines(name)) for name in file_names}
