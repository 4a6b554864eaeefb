"""Items and results of a spread loop on their way, with their identity.

Runner and worker both hold the captured values, and the items of a batch. What a result has of
these travels as a reference, and becomes the very object again: ``[(p, score(p)) for p in grid]``
gives the tuples of ``grid`` itself, and a slice of a captured array stays a view on it.
"""

from __future__ import annotations

import io
import pickle
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_scale.runner import cargo
from jupyter_scale.runner.host.loops.iterations import Values
from jupyter_scale.shipping.loading import loading_into
from jupyter_scale.shipping.orders import dump_orders, rebuild
from jupyter_scale.shipping.pickler import Pickler
from jupyter_scale.shipping.views import find_view_bases
from jupyter_scale.transport.segments import drop_segment, map_segment, write_segment_if_room

#: ``(memo it is in, index there)``; the memos are `CAPTURED` and `ITEMS`.
Reference = tuple[str, int]
CAPTURED, ITEMS = "captured", "items"

_ATOMS = frozenset({str, bytes, int, float, complex, bool, type(None)})
# Nobody can tell two equal ones apart by more than chance.
_NO_IDENTITY = _ATOMS | {types.CodeType}


def are_atoms(values: Iterable[Any]) -> bool:
    """Tell whether values have neither parts nor an identity of interest."""
    return _ATOMS.issuperset(map(type, values))


@dataclass(frozen=True, slots=True)
class Piece:
    """A pickled value with its large buffers, in shared memory where there is one.

    One that is plain has no references to what both sides hold.
    """

    stream: bytes
    sizes: tuple[int, ...] = ()
    segment: str | None = None
    inline: tuple[bytes, ...] = ()
    is_plain: bool = False

    @property
    def nbytes(self) -> int:
        """Size in bytes, buffers included."""
        return len(self.stream) + sum(self.sizes)

    def discard(self, shared: Path | None) -> None:
        """Remove what nobody will read."""
        if self.segment is not None and shared is not None:
            drop_segment(shared, self.segment)


class Known:
    """Objects that both sides hold, by reference and by identity."""

    def __init__(self) -> None:
        self._by_reference: dict[Reference, Any] = {}
        self._by_id: dict[int, Reference] = {}

    def add(self, where: str, memo: Iterable[tuple[int, Any]]) -> Known:
        """Add a memo's objects, as far as they have an identity; return self."""
        for index, obj in memo:
            if type(obj) not in _NO_IDENTITY:
                self._by_reference[where, index] = obj
                self._by_id[id(obj)] = (where, index)
        return self

    def joined(self, other: Known) -> Known:
        """Return these and the other's objects."""
        both = Known()
        both._by_reference = self._by_reference | other._by_reference
        both._by_id = self._by_id | other._by_id
        return both

    def reference(self, obj: Any) -> Reference | None:
        """Return the reference of an object, if both sides hold it."""
        return self._by_id.get(id(obj))

    def resolve(self, reference: Reference) -> Any:
        """Return this side's object."""
        return self._by_reference[tuple(reference)]  # type: ignore[index]

    def objects(self) -> Iterable[Any]:
        """Return all objects."""
        return self._by_reference.values()


class _PiecePickler(Pickler):
    def __init__(
        self,
        file: Any,
        namespace: dict[str, Any],
        known: Known,
        own_code: frozenset[types.CodeType],
    ) -> None:
        super().__init__(file, namespace)
        self._known, self._own_code = known, own_code

    def note_function(self, function: types.FunctionType) -> None:
        # All iterations share the loop's one variable: a copy of it would not change with it.
        if function.__closure__ and function.__code__ in self._own_code:
            msg = f"{function.__name__!r} keeps the loop's variable"
            raise TypeError(msg)
        super().note_function(function)

    def persistent_id(self, obj: Any) -> Reference | None:
        return self._known.reference(obj)


class _PieceUnpickler(pickle.Unpickler):
    def __init__(self, file: Any, buffers: Iterable[memoryview], known: Known) -> None:
        super().__init__(file, buffers=buffers)
        self._known = known

    def persistent_load(self, pid: Any) -> Any:
        return self._known.resolve(pid)


def pack_piece(
    value: Any,
    namespace: dict[str, Any],
    shared: Path | None,
    known: Known,
    own_code: frozenset[types.CodeType] = frozenset(),
) -> tuple[Piece, dict[int, Any]]:
    """Pickle a value; return it with its memo, ``index → object``.

    Parameters
    ----------
    own_code
        Code of functions that may not travel if they have a closure.
    """
    if _is_plain(value):  # a reference need not be looked for in each of many numbers
        return Piece(pickle.dumps(value, protocol=5), is_plain=True), {}
    pickler, file = _dump(value, namespace, known, {}, own_code)
    memo = dump_orders(pickler)
    bases = find_view_bases(memo.values(), known.objects)
    if bases:
        pickler, file = _dump(value, namespace, known, bases, own_code)
        memo = dump_orders(pickler)
    sizes = tuple(buffer.nbytes for buffer in pickler.buffers)
    segment = None
    if shared is not None and sum(sizes) > cargo.INLINE_BYTES:
        segment = write_segment_if_room(shared, pickler.buffers)
    if segment is not None:
        return Piece(file.getvalue(), sizes, segment, ()), memo
    inline = tuple(bytes(buffer) for buffer in pickler.buffers)
    return Piece(file.getvalue(), sizes, None, inline), memo


def _is_plain(value: Any) -> bool:
    """Tell whether a list of items, or values without new content of items, are atoms only."""
    match value:
        case list():
            return are_atoms(value)
        case (Values(values=values), []):
            return are_atoms(values)
    return False


def _dump(
    value: Any,
    namespace: dict[str, Any],
    known: Known,
    bases: Mapping[int, Any],
    own_code: frozenset[types.CodeType],
) -> tuple[Pickler, io.BytesIO]:
    file = io.BytesIO()
    pickler = _PiecePickler(file, namespace, known, own_code)
    pickler.view_bases = bases
    pickler.dump(value)
    return pickler, file


def unpack_piece(
    piece: Piece, namespace: dict[str, Any], shared: Path | None, known: Known, *, is_last: bool
) -> tuple[Any, dict[int, Any]]:
    """Rebuild a value; return it with its memo, ``index → object``.

    Parameters
    ----------
    is_last
        Nobody else will read the piece: its segment is removed.
    """
    if piece.is_plain:
        return pickle.loads(piece.stream), {}
    if piece.segment is None or shared is None:
        buffers = [memoryview(bytearray(data)) for data in piece.inline]
    else:
        buffers = map_segment(shared, piece.segment, piece.sizes)
        if is_last:
            piece.discard(shared)
    unpickler = _PieceUnpickler(io.BytesIO(piece.stream), buffers, known)
    with loading_into(namespace, owned_arrays=False):
        value = unpickler.load()
        for recipe in unpickler.load():
            rebuild(*recipe)
    return value, dict(unpickler.memo.copy())
