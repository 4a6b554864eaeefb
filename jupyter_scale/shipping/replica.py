"""One of two namespaces that are kept equal: its ledger, and packing and unpacking of parcels.

The notebook's session and the runner's shell each own a `Replica`. Laws:

1. A *record* says that both sides held the same under a name: the fingerprint, and the known
   objects in the order in which they are reached. It is made on both sides for each parcel that
   arrived, and for nothing else.
2. A name is unchanged only if it is bound to the same object, with the same fingerprint, reaching
   the same known objects in the same order. So a changed alias is a change.
3. An object whose content was overwritten, on either side, makes every other record that reaches
   it invalid: an old fingerprint may never match again by chance.
4. Tokens become known when the receiver has said which pairs it keeps. What is only temporary on
   either side is in one of two dumps only, so it never becomes known.
5. What the other side is believed to hold in chunks is a guess: it verifies each, and says which it
   lacks.
"""

from __future__ import annotations

import io
import itertools
import types
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_scale.errors import CannotLoad, CannotTravel
from jupyter_scale.shipping.adapters import InPlaceImpossibleError, NoAdapterError
from jupyter_scale.shipping.ambient.places import is_place
from jupyter_scale.shipping.arraystates import get_array_chunks
from jupyter_scale.shipping.fingerprint import Digest, DigestCache, LeafDigests, digest_of
from jupyter_scale.shipping.leaves import leaf_state
from jupyter_scale.shipping.loading import loading_into
from jupyter_scale.shipping.orders import dump_orders, rebuild
from jupyter_scale.shipping.parcel import (
    Parcel,
    TokenPickler,
    TokenUnpickler,
    UnknownTokensError,
)
from jupyter_scale.shipping.pickler import PART, whole_leaf
from jupyter_scale.shipping.quotes import Catalogue, Quote, digests_in, fill
from jupyter_scale.shipping.snapshot import Snapshot, leaf_digests_of, take_snapshot
from jupyter_scale.shipping.states import adapter_for, overwrite
from jupyter_scale.shipping.tokens import Entry, Token, TokenTable, make_token
from jupyter_scale.shipping.views import find_view_bases


@dataclass(slots=True)
class Record:
    """What both sides held under a name when they were last equal."""

    root: Any
    digest: Digest | None
    entries: tuple[Entry, ...]
    nbytes: int


@dataclass(slots=True)
class Packed:
    """A parcel with what its sender needs once the receiver has it."""

    parcel: Parcel
    snapshots: dict[str, Snapshot]
    memo: dict[int, Any]
    touched: frozenset[Token]
    reused_bytes: int = 0


@dataclass(slots=True)
class Replica:
    """One side's namespace and what it knows of the other's.

    Attributes
    ----------
    namespace
        The live namespace; functions that arrive get it as their globals.
    is_notebook
        Which side this is. The notebook numbers its parcels evenly and wants arrays that own their
        memory.
    notes
        What the user should know of values that did not arrive whole.
    """

    namespace: dict[str, Any]
    is_notebook: bool
    records: dict[str, Record] = field(default_factory=dict)
    notes: set[str] = field(default_factory=set)
    table: TokenTable = field(init=False)
    _last_number: int = field(init=False)
    #: Chunks that the other side has said it lacks, and those of names unbound since it had them.
    _lacking: set[Digest] = field(default_factory=set)
    _swept: set[Digest] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.table = TokenTable(self.namespace)
        self._last_number = 0 if self.is_notebook else 1

    # -- looking -----------------------------------------------------------------------------

    def look(self, names: Iterable[str], cache: DigestCache | None = None) -> dict[str, Snapshot]:
        """Take a snapshot of every name in `names` that is bound.

        Raises
        ------
        CannotTravel
            For the first value that cannot be pickled.
        """
        cache = cache or DigestCache()
        return {
            name: take_snapshot(name, self.namespace[name], self.table, cache)
            for name in names
            if name in self.namespace
        }

    def look_at(self, name: str, value: Any, cache: DigestCache) -> Snapshot:
        """Take a snapshot of a value that stands for a name."""
        return take_snapshot(name, value, self.table, cache)

    def is_changed(self, name: str, snapshot: Snapshot) -> bool:
        """Tell whether a name's value differs from what the other side holds."""
        record = self.records.get(name)
        if record is None or record.digest != snapshot.digest or record.root is not snapshot.root:
            return True
        known = tuple(filter(None, map(self.table.find, snapshot.objects)))
        return known != record.entries

    def changed(self, snapshots: Mapping[str, Snapshot]) -> dict[str, Snapshot]:
        """Return the changed names, and those that share data with one.

        What they share is sent with the first one; together they are recorded as equal again.
        """
        changed: dict[str, Snapshot] = {}
        rest = dict(snapshots)
        more = {name for name in rest if self.is_changed(name, rest[name])}
        while more:
            changed |= {name: rest.pop(name) for name in more}
            reached = {id(obj) for name in more for obj in _data(changed[name])}
            more = {n for n, s in rest.items() if any(id(obj) in reached for obj in _data(s))}
        return changed

    def outdated(self, sent: Collection[str]) -> list[str]:
        """Return the names that the other side must unbind, `sent` apart: here they are another.

        A cell over there that binds such a name again, perhaps to the very object that it still
        has there, is then seen to have bound it.
        """
        missing = object()
        return [
            name
            for name, record in self.records.items()
            if name not in sent
            and not is_place(name)
            and self.namespace.get(name, missing) is not record.root
        ]

    def sweep(self) -> None:
        """Let go of objects that names are no longer bound to."""
        missing = object()
        for name, record in self.records.items():
            if not is_place(name) and self.namespace.get(name, missing) is not record.root:
                self._swept.update(digests_in(record.entries))
                self.records[name] = _outdated_record()

    def drop_records(self, is_dropped: Callable[[str], bool]) -> None:
        """Forget the records of some names."""
        for name in list(filter(is_dropped, self.records)):
            del self.records[name]

    def reset(self) -> None:
        """Forget what the other side holds."""
        self.records.clear()
        self.table.clear()
        self._lacking.clear()
        self._swept.clear()

    def forget(self, tokens: Iterable[Token], chunks: Iterable[Digest]) -> None:
        """Drop what the other side turned out not to have."""
        self.table.forget(tokens)
        self._lacking.update(chunks)

    def _held(self) -> set[Digest]:
        """Return the chunks that the other side should have."""
        return {*digests_in(self.table.entries()), *self._swept} - self._lacking

    # -- sending -----------------------------------------------------------------------------

    def pack(
        self,
        snapshots: Mapping[str, Snapshot],
        deletes: Iterable[str] = (),
        *,
        with_patches: bool = True,
    ) -> Packed:
        """Pack the names of `snapshots`, which are all taken to be changed.

        Parameters
        ----------
        with_patches
            Send the content of known objects, too.

        Raises
        ------
        CannotTravel
            For a value that pickles differently the second time.
        """
        self._last_number += 2
        names = sorted(snapshots, key=lambda name: _rank(snapshots[name].root))
        anew: set[Token] = set()
        while True:
            try:
                return self._pack(names, snapshots, tuple(deletes), anew, with_patches)
            except _MustTravelAnew as again:
                anew |= again.tokens

    def _pack(
        self,
        names: list[str],
        snapshots: Mapping[str, Snapshot],
        deletes: tuple[str, ...],
        anew: set[Token],
        with_patches: bool,  # noqa: FBT001 - `pack` names it
    ) -> Packed:
        digests: dict[int, LeafDigests] = {}
        for snapshot in snapshots.values():
            digests |= snapshot.leaf_digests
        file = io.BytesIO()
        pickler = TokenPickler(file, self.table, anew)
        arrays = [obj for s in snapshots.values() for obj in s.objects]
        pickler.view_bases = find_view_bases(arrays, self._known_objects)
        catalogue = Catalogue()
        patches: list[Token] = []
        written: list[Any] = []
        impossible: set[Token] = set()
        reused = 0
        try:
            for name in names:
                pickler.dump(snapshots[name].root)
            while pickler.pending and with_patches:
                entry, obj = pickler.pending.popleft()
                try:
                    state, same_bytes = self._state(
                        entry, obj, digests.get(id(obj)), pickler, catalogue
                    )
                except _MustTravelAnew as again:
                    impossible |= again.tokens
                    continue
                reused += same_bytes
                if state is not _UNCHANGED:
                    patches.append(entry.token)
                    written.append(obj)
                    pickler.dump(state)
            memo = dump_orders(pickler, written)
        except Exception as error:
            msg = "it pickled once, and then not again"
            raise CannotTravel(names[0], ", ".join(names), "object", f"{msg} ({error})") from error
        if impossible:
            # All of them at once: each new start walks the whole graph.
            raise _MustTravelAnew(*impossible)
        for key, leaf in pickler.leaves.items():
            if key in digests:
                catalogue.add_leaf(leaf, digests[key])
        quotes = catalogue.find_quotes(pickler.buffers, self._held)
        reused += _held_bytes(quotes)
        parcel = Parcel(
            self._last_number,
            tuple(names),
            tuple(patches),
            deletes,
            file.getvalue(),
            tuple(pickler.buffers),
            quotes,
            tuple(catalogue.digests_of(pickler.buffers)),
        )
        return Packed(parcel, dict(snapshots), memo, frozenset(patches), reused)

    def _known_objects(self) -> Iterable[Any]:
        for record in self.records.values():
            for entry in record.entries:
                yield entry.obj

    def _state(
        self,
        entry: Entry,
        obj: Any,
        digests: LeafDigests | None,
        pickler: TokenPickler,
        catalogue: Catalogue,
    ) -> tuple[Any, int]:
        """Return a known object's content as far as the other side lacks it, and bytes spared."""
        adapter = adapter_for(obj)
        if adapter is None:
            raise _MustTravelAnew(entry.token)
        before = entry.digests
        if adapter.is_leaf and digests is None:  # a view's base that no name here leads to
            digests = leaf_digests_of(obj, self.table)
        if adapter.is_leaf and digests is not None:
            # What a frame refers to is not in its digests: then all but its data travels again.
            if before == digests and PART not in digests[0][0]:
                return _UNCHANGED, _leaf_bytes(obj)
            if type(obj).__name__ != "ndarray":
                return self._frame_state(obj, digests, catalogue), 0
            if before is not None and not _has_same_form(before, digests):
                raise _MustTravelAnew(entry.token)
            return self._array_state(obj, before, digests, catalogue)
        if _is_definition(obj) and before is not None:
            now, inside = self._shallow(obj, pickler.anew)
            if before == now:
                pickler.meet(inside)
                return _UNCHANGED, 0
        try:
            return adapter.get(obj), 0
        except InPlaceImpossibleError:
            raise _MustTravelAnew(entry.token) from None

    @staticmethod
    def _frame_state(obj: Any, digests: LeafDigests, catalogue: Catalogue) -> Any:
        leaf = whole_leaf(obj)
        catalogue.add_leaf(leaf, digests)
        return leaf_state(leaf)

    @staticmethod
    def _array_state(
        obj: Any,
        before: LeafDigests | None,
        digests: LeafDigests,
        catalogue: Catalogue,
    ) -> tuple[Any, int]:
        if before is None or len(before) != len(digests) or len(digests) == 1:
            state = get_array_chunks(obj, None)
            for _, piece in state[2]:
                catalogue.add(memoryview(piece), digests[1])
            return state, 0
        runs = list(_changed_runs(before[1], digests[1]))
        state = get_array_chunks(obj, runs)
        for (start, end), (_, piece) in zip(runs, state[2], strict=True):
            catalogue.add(memoryview(piece), digests[1][start:end])
        return state, obj.nbytes - sum(memoryview(piece).nbytes for _, piece in state[2])

    def _shallow(
        self, obj: Any, anew: Collection[Token] = ()
    ) -> tuple[LeafDigests | None, list[tuple[Entry, Any]]]:
        """Return a definition's own fingerprint, and the known objects inside (tokens in it)."""
        adapter = adapter_for(obj)
        if adapter is None:
            return None, []
        file = io.BytesIO()
        pickler = TokenPickler(file, self.table, anew)
        try:
            pickler.dump(adapter.get(obj))
        except Exception:  # noqa: BLE001 - then it counts as changed every time
            return None, []
        return ((digest_of(file.getbuffer(), ()),),), list(pickler.pending)

    def commit(self, packed: Packed, kept: bytes) -> None:
        """Take note that the receiver has a parcel and keeps the memo indices `kept`."""
        indices = array("I", kept)
        pairs = {index: packed.memo[index] for index in indices if index in packed.memo}
        self._make_records(packed.parcel, packed.snapshots, pairs, packed.touched)
        for name in packed.parcel.deletes:
            self.records.pop(name, None)
        self._lacking.clear()
        self._swept.clear()

    # -- receiving ---------------------------------------------------------------------------

    def recall(self, quotes: Sequence[Quote], buffers: Sequence[memoryview]) -> None:
        """Write the chunks that a parcel only names into its buffers.

        Raises
        ------
        UnknownTokensError
            With the digests of those that this side does not have.
        """
        missing = fill(quotes, buffers, self.table)
        if missing:
            raise UnknownTokensError([], missing)

    def unpack(self, parcel: Parcel, memo: dict[int, Any] | None = None) -> bytes:
        """Bind a parcel's names and overwrite known objects with their new content.

        Parameters
        ----------
        memo
            Takes the objects of the stream by their memo index.

        Returns
        -------
        bytes
            The memo indices kept, for the sender's `commit`.

        Raises
        ------
        UnknownTokensError
            The parcel names objects that this side does not have; nothing was changed.
        CannotLoad
            A value cannot be rebuilt here; names are as before.
        """
        unpickler = TokenUnpickler(io.BytesIO(parcel.stream), parcel.buffers, self.table)
        unknown = [token for token in parcel.patches if self.table.lookup(token) is None]
        if unknown:
            raise UnknownTokensError(unknown)
        before = {n: self.namespace[n] for n in parcel.names if n in self.namespace}
        name = ""
        try:
            with loading_into(self.namespace, owned_arrays=self.is_notebook) as notes:
                for name in parcel.names:
                    self.namespace[name] = unpickler.load()
                states = [unpickler.load() for _ in parcel.patches]
                recipes = unpickler.load()
                self._overwrite(parcel.patches, states)
                for recipe in recipes:
                    rebuild(*recipe)
                self.notes.update(notes)
        except BaseException as error:
            for other in parcel.names:
                self.namespace.pop(other, None)
            self.namespace.update(before)
            if isinstance(error, UnknownTokensError) or not isinstance(error, Exception):
                raise
            raise CannotLoad(name, f"{type(error).__name__}: {error}") from error
        for name in parcel.deletes:
            self.namespace.pop(name, None)
            self.records.pop(name, None)
        if memo is not None:
            memo.update(unpickler.memo.copy())
        return self._keep(parcel, unpickler)

    def _overwrite(self, tokens: Sequence[Token], states: Sequence[Any]) -> None:
        objects = map(self.table.lookup, tokens)
        try:
            overwrite(zip(objects, states, strict=True))
        except NoAdapterError as error:
            raise UnknownTokensError([tokens[error.number]]) from None

    def _keep(self, parcel: Parcel, unpickler: TokenUnpickler) -> bytes:
        candidates = dict(self.table.tracked(unpickler.memo.copy().items()))
        cache = DigestCache()
        snapshots: dict[str, Snapshot] = {}
        for name in parcel.names:
            try:
                snapshots |= self.look([name], cache)
            except CannotTravel:
                self.records[name] = _outdated_record()
        kept = self._make_records(parcel, snapshots, candidates, frozenset(parcel.patches))
        return array("I", kept).tobytes()

    # -- records -----------------------------------------------------------------------------

    def _make_records(
        self,
        parcel: Parcel,
        snapshots: Mapping[str, Snapshot],
        pairs: Mapping[int, Any],
        touched: frozenset[Token],
    ) -> list[int]:
        """Record every snapshot as equal on both sides; return the memo indices that it took."""
        # Both sides must forget the same objects, and only after every name was looked at: one may
        # have moved from a name's old value to another name's new one.
        before = [record.entries for record in self.records.values()]
        index_of = {id(obj): index for index, obj in pairs.items()}
        kept: list[int] = []
        definitions: list[Entry] = []
        for name, snapshot in snapshots.items():
            entries = []
            for obj in snapshot.objects:
                index = index_of.pop(id(obj), None)
                if index is not None:
                    entry = self.table.add(make_token(parcel.number, index), obj)
                    kept.append(index)
                elif (known := self.table.find(obj)) is not None:
                    entry = known
                else:
                    continue
                if id(obj) in snapshot.leaf_digests:
                    entry.digests = snapshot.leaf_digests[id(obj)]
                elif _is_definition(obj):
                    definitions.append(entry)
                entries.append(entry)
            self.records[name] = Record(
                snapshot.root, snapshot.digest, tuple(entries), snapshot.nbytes
            )
        for entry in definitions:
            entry.digests, _ = self._shallow(entry.obj)
        self._invalidate(touched, except_names=snapshots)
        del before
        return kept

    def _invalidate(self, touched: frozenset[Token], except_names: Iterable[str]) -> None:
        if not touched:
            return
        spared = set(except_names)
        for name, record in self.records.items():
            if name not in spared and any(entry.token in touched for entry in record.entries):
                record.digest = None


def _outdated_record() -> Record:
    """Return what is known of a name that the other side has bound to something else."""
    return Record(object(), None, (), 0)


class _MustTravelAnew(Exception):
    def __init__(self, *tokens: Token) -> None:
        super().__init__(*tokens)
        self.tokens = frozenset(tokens)


_UNCHANGED = object()


def _has_same_form(before: LeafDigests, now: LeafDigests) -> bool:
    """Compare two arrays' forms but for the last byte, which tells whether one can write."""
    return before[0][0][:-1] == now[0][0][:-1]


def _changed_runs(before: Sequence[Digest], now: Sequence[Digest]) -> Iterator[tuple[int, int]]:
    """Yield where runs of changed chunks begin and end."""
    for is_changed, pairs in itertools.groupby(
        enumerate(zip(before, now, strict=True)), key=lambda item: item[1][0] != item[1][1]
    ):
        if is_changed:
            numbers = [number for number, _ in pairs]
            yield numbers[0], numbers[-1] + 1


def _data(snapshot: Snapshot) -> Iterable[Any]:
    """Return the known objects whose content travels whenever a name that reaches them does."""
    for obj in snapshot.objects:
        if id(obj) not in snapshot.leaf_digests and not _is_definition(obj):
            yield obj


def _held_bytes(quotes: Iterable[Quote]) -> int:
    """Return how many of the quoted bytes the other side has already."""
    total = 0
    for quote in quotes:
        if isinstance(quote.source, bytes):
            _, start, end = quote.place
            total += end - start
    return total


def _leaf_bytes(obj: Any) -> int:
    return int(getattr(obj, "nbytes", 0))


def _is_definition(obj: Any) -> bool:
    return isinstance(obj, (types.FunctionType, type))


def _rank(value: Any) -> int:
    """Order names so that what code needs while loading is bound first."""
    if isinstance(value, types.ModuleType):
        return 0
    if isinstance(value, type):
        return 1
    return 2 if isinstance(value, types.FunctionType) else 3
