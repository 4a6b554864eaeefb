"""What one name holds at one moment: its fingerprint and the mutable objects it reaches."""

from __future__ import annotations

import io
import itertools
import pickle
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from jupyter_scale.errors import ValueLost
from jupyter_scale.shipping.fingerprint import (
    Digest,
    DigestCache,
    LeafDigests,
    chunk_digests,
    digest_of,
)
from jupyter_scale.shipping.leaves import Leaf
from jupyter_scale.shipping.pickler import Pickler
from jupyter_scale.shipping.tokens import Staying, TokenTable
from jupyter_scale.shipping.unpicklable import explain

_COLLECTIONS = (list, tuple, set, frozenset, dict)
_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes})
_MANY = 1000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A deep look at a name's value.

    Attributes
    ----------
    root
        The value itself.
    digest
        Fingerprint of the whole stream; comparable only with one of the same object made by the
        same process.
    objects
        The mutable objects reached, in a stable order, kept alive so that ids stay theirs.
    leaf_digests
        ``id(array or frame) →`` its digests.
    nbytes
        Size in bytes, buffers included.
    global_reads, dynamic_reads, code_files
        What the notebook functions inside read, and where their code comes from.
    stays
        Keys of the values inside that stay on the cluster.
    """

    root: Any
    digest: Digest
    objects: tuple[Any, ...]
    leaf_digests: dict[int, LeafDigests]
    nbytes: int
    global_reads: frozenset[str]
    dynamic_reads: str | None
    code_files: tuple[str, ...]
    stays: tuple[str, ...] = ()


class _StayingPickler(Pickler):
    """Writes the key of a value that stays on the cluster in its place."""

    def __init__(self, file: Any, namespace: dict[str, Any], staying: Staying) -> None:
        super().__init__(file, namespace)
        self._key_of = staying.key_of
        self.met: dict[str, None] = {}

    def persistent_id(self, obj: Any) -> str | None:
        key = self._key_of(obj)
        if key is not None:
            self.met[key] = None
        return key


def take_snapshot(name: str, value: Any, table: TokenTable, cache: DigestCache) -> Snapshot:
    """Pickle and hash a value without sending it.

    Raises
    ------
    CannotTravel
        With the path to what cannot be pickled.
    ValueLost
        A value inside that stayed on the cluster is there no more.
    """
    if _is_flat(value):
        flat = pickle.dumps(value, protocol=5)
        objects = tuple(obj for _, obj in table.tracked([(0, value)]))
        return Snapshot(value, digest_of(flat, ()), objects, {}, len(flat), frozenset(), None, ())
    if type(value) is not FunctionType:
        return _take_snapshot(name, value, table, cache)
    is_here = not table.staying or table.staying.key_of(value) is None
    if is_here and (known := table.functions.find(value)) is not None:
        return known
    snapshot = _take_snapshot(name, value, table, cache)
    table.functions.remember(value, snapshot)
    return snapshot


def _take_snapshot(name: str, value: Any, table: TokenTable, cache: DigestCache) -> Snapshot:
    file = io.BytesIO()
    pickler = _pickler(file, table)
    try:
        pickler.dump(value)
    except ValueLost:
        raise
    except Exception as error:
        raise explain(name, value, lambda: _pickler(io.BytesIO(), table), error) from error
    leaf_digests = {
        key: cache.digests(key, leaf.key, leaf.buffers, leaf.rows)
        for key, leaf in pickler.leaves.items()
    }
    inside = {id(buffer.obj) for leaf in pickler.leaves.values() for buffer in leaf.buffers}
    others = [chunk_digests(b) for b in pickler.buffers if id(b.obj) not in inside]
    stream = file.getbuffer()
    return Snapshot(
        root=value,
        digest=digest_of(stream, [*itertools.chain(*leaf_digests.values()), *others]),
        objects=tuple(obj for _, obj in table.tracked(pickler.memo.copy().values())),
        leaf_digests=leaf_digests,
        nbytes=stream.nbytes + sum(buffer.nbytes for buffer in pickler.buffers),
        global_reads=frozenset(pickler.global_reads),
        dynamic_reads=pickler.dynamic_reads,
        code_files=pickler.code_files,
        stays=tuple(pickler.met) if isinstance(pickler, _StayingPickler) else (),
    )


def _is_flat(value: Any) -> bool:
    """Tell whether a large collection holds only atoms, or tuples of such.

    To ask which of a million texts are mutable takes longer than to pickle them.
    """
    kind = type(value)
    if kind not in _COLLECTIONS or len(value) < _MANY:
        return False
    kinds = set(map(type, value))
    if kind is dict:
        kinds.update(map(type, value.values()))
    if tuple in kinds:
        kinds.remove(tuple)
        items = itertools.chain(value, value.values()) if kind is dict else value
        for item in items:
            if type(item) is tuple:
                kinds.update(map(type, item))
    return kinds <= _ATOMS


def _pickler(file: Any, table: TokenTable) -> Pickler:
    if table.staying:
        pickler: Pickler = _StayingPickler(file, table.namespace, table.staying)
    else:
        pickler = Pickler(file, table.namespace)
    pickler.cuts_graphs = table.cuts_graphs
    return pickler


def leaf_digests_of(obj: Any, table: TokenTable) -> LeafDigests | None:
    """Return the digests of one array or frame, None if its content has no buffers."""
    leaf = leaf_of(obj, table)
    return (
        None if leaf is None else DigestCache().digests(id(obj), leaf.key, leaf.buffers, leaf.rows)
    )


def leaf_of(obj: Any, table: TokenTable) -> Leaf | None:
    """Return form and memory of one array or frame, None if its content has no buffers."""
    pickler = Pickler(io.BytesIO(), table.namespace)
    pickler.dump(obj)
    return pickler.leaves.get(id(obj))
