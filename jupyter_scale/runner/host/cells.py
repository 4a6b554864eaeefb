"""One cell on the cluster: names arrive, the cell runs, what changed goes home."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import linecache
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jupyter_scale.analysis.stores import Store
from jupyter_scale.errors import CannotLoad, CannotTravel
from jupyter_scale.model.messages import (
    HASHED,
    CellOutcome,
    CellRequest,
    EventKind,
    FetchRequest,
    FileRequest,
    FolderChange,
    FreeRequest,
)
from jupyter_scale.model.run import Inputs
from jupyter_scale.runner import cargo
from jupyter_scale.runner.host.effects import watching
from jupyter_scale.runner.host.failing import Failure
from jupyter_scale.runner.host.interactive import RunnerShell
from jupyter_scale.runner.host.interrupts import InterruptGate
from jupyter_scale.runner.host.keeping import keep_large, keep_named
from jupyter_scale.runner.host.loops.entry import Spreader, SpreadOptions
from jupyter_scale.runner.host.mirrored import MirroredFolder
from jupyter_scale.runner.host.pools.arming import Pools
from jupyter_scale.runner.host.running import run_source
from jupyter_scale.runner.host.streams import Outbox
from jupyter_scale.runner.pseudo import EXCEPTION, FETCHED, VALUE, former, is_pseudo
from jupyter_scale.runner.results import names_bound_by, write_results
from jupyter_scale.shipping.ambient.places import is_place
from jupyter_scale.shipping.closedpools import OF_A_POOL
from jupyter_scale.shipping.fingerprint import DigestCache
from jupyter_scale.shipping.kept import Kept
from jupyter_scale.shipping.parcel import UnknownTokensError
from jupyter_scale.shipping.replica import Packed, Replica
from jupyter_scale.shipping.snapshot import Snapshot

# What IPython itself keeps in the namespace; the notebook has its own. (Not ``_``: only the user's
# code binds it here.)
_OWN_NAMES = re.compile(r"_i{1,3}|_i?\d+|_[ido]h|In|Out|__builtins?__|get_ipython|exit|quit")


class CellRunner:
    """Runs the cells of one session in this process.

    Parameters
    ----------
    shell, outbox
        Where cells run and where their output goes.
    spreader
        Runs loops on the workers.
    pools
        Run ready-made parallelism on the workers.
    shared
        The directory for shared memory, None when the notebook is on another machine.
    gate
        Decides when an interrupt reaches the cell.
    """

    def __init__(
        self,
        shell: RunnerShell,
        outbox: Outbox,
        spreader: Spreader,
        pools: Pools,
        shared: Path | None,
        gate: InterruptGate,
    ) -> None:
        self._shell, self._outbox, self._spreader = shell, outbox, spreader
        self._pools, self._shared = pools, shared
        self._replica = Replica(shell.user_ns, is_notebook=False)
        self._kept = Kept()
        self._replica.table.staying = self._kept
        self._replica.table.cuts_graphs = True
        self._fetching = ""
        self._fetched: dict[str, str] = {}
        self._pending: Packed | None = None
        self._home_values: dict[str, Any] = {}
        self._home_deletes: list[str] = []
        self._ambience = spreader.ambience
        self._gate = gate
        self._initial = frozenset(shell.user_ns)
        self._folder = MirroredFolder()
        self._written: FolderChange | None = None
        self._source = ""
        self._inputs: tuple[Inputs, ...] = ()

    async def run(self, request: CellRequest) -> CellOutcome:
        """Carry out a request; never raises for what the cell does."""
        seconds: dict[str, float] = {}
        self._settle(request)
        if lost := self._kept.missing(request.needs):
            return CellOutcome("lost", lost=lost)
        if request.life not in {"", self._kept.life}:
            return CellOutcome("resend", life=self._kept.life)
        kept_indices = self._begin(request, seconds)
        if isinstance(kept_indices, CellOutcome):
            return kept_indices
        if request.is_detached:
            self._outbox.send(EventKind.ACCEPTED, {})
        before = dict(self._shell.user_ns)
        shown = self._outbox.shown
        clock = time.perf_counter()
        with watching() as watch:
            result = await self._execute(request)
        self._inputs = self._inputs_of(result.error_in_exec)
        self._shell.drain_descriptors()
        self._outbox.flush()
        seconds["run"] = time.perf_counter() - clock
        clock = time.perf_counter()
        files = self._written = self._folder.end()
        seconds["files"] += time.perf_counter() - clock
        clock = time.perf_counter()
        values, new = self._find_results(request, before, result)
        known = set(self._kept.keys)
        notes = keep_named(request.keep, new, self._replica, self._kept)
        namespace = self._shell.user_ns
        deletes = [n for n in before if n not in namespace and not _OWN_NAMES.fullmatch(n)]
        self._ambience.note(map(Store.parse, request.stores), namespace)
        deletes += self._ambience.places.gone(self._replica.records)
        stays = self._go_home(values, deletes, new, request.keep_above)
        home = self._home_body()
        self._describe_kept({*request.needs, *(set(self._kept.keys) - known)})
        changes = self._ambience.changes()
        self._ambience.settle_sent()
        seconds["home"] = time.perf_counter() - clock
        failed = result.error_before_exec or result.error_in_exec
        reports = self._spreader.take_reports() + self._pools.take_reports()
        had_effects = watch.seen is not None or self._pools.had_effect or files is not None
        return CellOutcome(
            "error" if failed else "ok",
            kept=kept_indices,
            home=home,
            error=self._error_body(failed),
            stays=stays,
            seconds=seconds,
            loops=[report.to_body() for report in reports],
            had_effects=had_effects or self._outbox.shown != shown,
            notes=self._loop_notes() + self._pools.take_notes() + notes,
            remote=self._remote(),
            life=self._kept.life,
            text_hash=hash(HASHED),
            ambient={**changes, "compiler_flags": self._shell.compile.flags},
            files=None if files is None else files.to_body(),
        )

    def take_inputs(self) -> tuple[Inputs, ...]:
        """Return what the cell was at when it raised, for those who watch."""
        inputs, self._inputs = self._inputs, ()
        return inputs

    def _inputs_of(self, error: BaseException | None) -> tuple[Inputs, ...]:
        """Return what the cell's loops and calls were at when it raised."""
        left, calls = self._spreader.take_left(), self._pools.take_failed()
        if error is None or isinstance(error, KeyboardInterrupt):
            return ()
        try:
            return Failure(self._spreader.rewriter.tree_of, left, calls).inputs_of(error)
        except Exception:  # noqa: BLE001 - the cell has ended all the same, and says why itself
            return ()

    def keep_results(self, path: Path) -> dict[str, Any]:
        """Write what the last cell left to a file, for a notebook that has nothing of it.

        Returns
        -------
        dict
            See `write_results`; also ``folder`` and ``files``, see `StoredRun`.
        """
        values = {
            name: snapshot.root
            for name, snapshot in (self._pending.snapshots if self._pending else {}).items()
            if not is_place(name) and (name in {VALUE, EXCEPTION} or not is_pseudo(name))
        }
        # What is as it was before the cell is not new to the notebook that ran it; to others it is.
        namespace = self._shell.user_ns
        bound = names_bound_by(self._shell.transform_cell(self._source))
        values |= {name: namespace[name] for name in bound if name in namespace}
        try:
            results = write_results(path, values, self._shell.user_ns)
        except OSError as error:
            results = {"names": [], "nbytes": 0, "stays": dict.fromkeys(values, str(error))}
        files = [] if self._written is None else [list(file) for file in self._written.put]
        return {**results, "folder": self._folder.path, "files": files}

    def send_file(self, request: FileRequest) -> CellOutcome:
        """Return a part of a file in the copy of the notebook's folder."""
        try:
            return CellOutcome("ok", content=self._folder.read(request))
        except OSError as error:
            return CellOutcome("error", error=_told(error))

    def _note_missing(self, packages: Iterable[str]) -> None:
        """Say which packages the notebook has and this process cannot import."""
        for name in packages:
            with contextlib.suppress(ValueError):  # a module that was made by hand
                if importlib.util.find_spec(name) is None:
                    text = f"the module {name!r} is installed here, and not on the cluster"
                    self._outbox.send(EventKind.NOTE, {"text": text})

    def _loop_notes(self) -> list[str]:
        """Return what to say of loops: not that one that uses a pool did not use workers twice."""
        notes = self._spreader.take_notes()
        is_used = bool(self._pools.take_reports())
        return [note for note in notes if not (is_used and OF_A_POOL in note)]

    def _error_body(self, failed: BaseException | None) -> dict[str, Any] | None:
        """Return name, text and shown lines of what the cell raised.

        IPython prints some errors (of usage, groups) without telling its hook.
        """
        if failed is None:
            return None
        return self._shell.last_error or _told(failed)

    def send_again(
        self, tokens: list[int], chunks: list[bytes], refused: Mapping[str, str]
    ) -> CellOutcome:
        """Pack the last results once more.

        Parameters
        ----------
        tokens, chunks
            Those that the notebook does not have.
        refused
            Names whose values it could not rebuild, and why: they stay.
        """
        self._replica.forget(tokens, chunks)
        stays = self._go_home(self._home_values, self._home_deletes, {}, None, refused)
        return CellOutcome("ok", home=self._home_body(), stays=stays, remote=self._remote())

    def fetch(self, request: FetchRequest) -> CellOutcome:
        """Pack a value that stayed here; it is the notebook's own once that has it.

        What the notebook has of it already is sent as tokens only: its own content is the newer.
        """
        self._settle_home(request.home_ack)
        self._replica.forget(request.tokens, request.chunks)
        if self._kept.missing([request.key]):
            return CellOutcome("lost", lost=[request.key])
        value = self._kept.resolve(request.key)
        try:
            with self._kept.going_home(request.key):
                snapshot = self._replica.look_at(FETCHED, value, DigestCache())
                packed = self._replica.pack({FETCHED: snapshot}, with_patches=False)
        except CannotTravel as error:
            why = {"path": error.path, "type_name": error.type_name, "reason": error.reason}
            return CellOutcome("error", error=why)
        self._pending, self._fetching = packed, request.key
        return CellOutcome("ok", home=self._home_body(), remote=self._remote())

    def free(self, request: FreeRequest) -> CellOutcome:
        """Let go of names, and of the kept values to which the notebook refers no more."""
        if request.life not in {"", self._kept.life}:
            return CellOutcome("resend", life=self._kept.life)
        self._settle_home(request.home_ack)
        self._unbind(request.names)
        self._retain(request.holds)
        gc.collect()  # a model may hold itself
        return CellOutcome("ok", remote=self._remote(), life=self._kept.life)

    def _remote(self) -> list[Any]:
        return [facts.to_body() for facts in self._kept.facts]

    def _describe_kept(self, keys: set[str]) -> None:
        """Look at kept values that the cell may have changed, also what they share with others."""
        if not keys:
            return
        at_home: dict[str, list[Any]] = {
            name: [entry.obj for entry in record.entries]
            for name, record in self._replica.records.items()
        }
        if self._pending is not None:
            at_home |= {n: list(s.objects) for n, s in self._pending.snapshots.items()}
        for name in [name for name in at_home if is_pseudo(name) or is_place(name)]:
            del at_home[name]
        self._kept.describe_again(keys, self._shell.user_ns, at_home)

    def _home_body(self) -> dict[str, Any] | None:
        packed = self._pending
        return None if packed is None else cargo.to_body(packed.parcel, self._shared)

    # -- arriving ----------------------------------------------------------------------------

    def _settle(self, request: CellRequest) -> None:
        """Learn what became of the last parcel that went home, and what is wanted no more."""
        self._settle_home(None if request.reset else request.home_ack)
        if request.reset:
            self._replica.reset()
            self._ambience.reset()
            for name in set(self._shell.user_ns) - self._initial:
                if not _OWN_NAMES.fullmatch(name):
                    del self._shell.user_ns[name]
        self._retain(request.holds)

    def _retain(self, holds: list[str]) -> None:
        """Let go of the kept values to which the notebook refers no more."""
        gone = {id(value) for value in self._kept.retain_only(holds)}
        for key in set(self._fetched) - set(holds):
            self._replica.records.pop(self._fetched.pop(key), None)
        self._unbind([n for n, value in self._shell.user_ns.items() if id(value) in gone])

    def _unbind(self, names: Iterable[str]) -> None:
        for name in names:
            self._shell.user_ns.pop(name, None)
            self._replica.records.pop(name, None)

    def _settle_home(self, home_ack: tuple[int, bytes] | None) -> None:
        packed, self._pending = self._pending, None
        fetched, self._fetching = self._fetching, ""
        self._home_values = {}
        if packed is None or home_ack is None or home_ack[0] != packed.parcel.number:
            return
        records = self._replica.records
        self._replica.commit(packed, home_ack[1])
        record = records.get(FETCHED)
        self._replica.drop_records(is_pseudo)
        if fetched and record is not None:
            self._kept.note_home(fetched)
            # It keeps the tokens until the notebook names the value again.
            self._fetched[fetched] = f"fetched {fetched}"
            records[self._fetched[fetched]] = record
            for name, value in self._shell.user_ns.items():
                if value is record.root:
                    records[name] = record

    def _begin(self, request: CellRequest, seconds: dict[str, float]) -> bytes | CellOutcome:
        """Take what the cell needs, and return the memo's indices kept; or why it cannot run."""
        clock = time.perf_counter()
        try:
            kept_indices = self._arrive(request)
            arrived = time.perf_counter()
            if not self._folder.begin(self._ambience.site, request.folders):
                return CellOutcome("resend", life="the copy of the notebook's folder was removed")
        except UnknownTokensError as error:
            return CellOutcome("resend", tokens=list(error.tokens), chunks=list(error.chunks))
        except CannotLoad as error:
            return CellOutcome("unloadable", stays={error.name: str(error)})
        except OSError as error:
            return CellOutcome("unloadable", stays={"": str(error)})
        self._note_missing(request.imports)
        seconds["load"] = arrived - clock
        seconds["files"] = time.perf_counter() - arrived
        return kept_indices

    def _arrive(self, request: CellRequest) -> bytes:
        changes = dict(request.ambient)
        self._shell.compile.flags = changes.pop("compiler_flags")
        colors = changes.pop("colors")
        if self._shell.colors != colors:
            self._shell.colors = colors
        self._ambience.apply(changes)
        for file_name, (source, count) in request.sources.items():
            remember_source(self._shell, file_name, source, count)
        indices = b""
        if request.parcel is not None:
            parcel = cargo.from_body(request.parcel, self._shared, self._replica.recall)
            memo: dict[int, Any] = {}
            indices = self._replica.unpack(parcel, memo)
            self._spreader.rewriter.rewrite_functions(memo.values())
            for name in ("_", "__", "___"):  # IPython always has them
                self._shell.user_ns.setdefault(name, "")
            self._ambience.places.take_from(self._shell.user_ns, parcel.names)
            self._ambience.places.drop_all(parcel.deletes)
        if changes or request.parcel is not None:
            self._ambience.settle(changes)
        return indices

    # -- running -----------------------------------------------------------------------------

    async def _execute(self, request: CellRequest) -> Any:
        shell = self._shell
        self._source = request.source
        shell.execution_count = request.execution_count
        shell.compiler.code_name = request.code_name
        shell.last_error = None
        shell.hook.value, shell.hook.has_value = None, False
        try:
            self._spreader.confine(request.nodes, with_gpu=request.with_gpu)
            options = SpreadOptions(request.spread, request.trusts_loops, request.seed_each)
            with self._spreader.armed(options), self._pools.armed(is_on=request.spread):
                return await run_source(shell, self._gate, request.source)
        except KeyboardInterrupt as error:
            # It came just before or after the cell's own code.
            shell.showtraceback()
            return _Interrupted(error)
        finally:
            shell.compiler.code_name = None

    # -- going home --------------------------------------------------------------------------

    def _find_results(
        self,
        request: CellRequest,
        before: Mapping[str, Any],
        result: Any,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what may have to travel, and what of that is newly bound.

        These are bound names, names read, last value, exception.
        """
        namespace = self._shell.user_ns
        missing = object()
        new = {
            name: value
            for name, value in namespace.items()
            if before.get(name, missing) is not value and not _OWN_NAMES.fullmatch(name)
        }
        values = new | {name: namespace[name] for name in request.reads if name in namespace}
        values |= self._changed_before_rebinding(request, before)
        hook = self._shell.hook
        if hook.has_value:
            values[VALUE] = new[VALUE] = hook.value
            hook.value, hook.has_value = None, False
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            values[EXCEPTION] = _without_frames(error)
        return values, new

    def _changed_before_rebinding(
        self, request: CellRequest, before: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return values that the cell changed and then unbound: other names may lead to them."""
        found = {}
        for name in request.reads:
            old = before.get(name)
            if name not in before or self._shell.user_ns.get(name) is old:
                continue
            try:
                snapshot = self._replica.look_at(name, old, DigestCache())
            except CannotTravel:  # it came from the notebook: nobody else there has what it holds
                continue
            if snapshot.objects and self._replica.is_changed(name, snapshot):
                found[former(name)] = old
        return found

    def _go_home(
        self,
        values: Mapping[str, Any],
        deletes: list[str],
        new: Mapping[str, Any],
        keep_above: int | None,
        refused: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """Pack what changed into `_pending`; return the names that cannot travel, and why."""
        namespace = self._shell.user_ns
        self._home_values, self._home_deletes = dict(values), deletes
        self._pending = None
        stays: dict[str, str] = {}
        cache = DigestCache()
        for name in filter(is_place, refused or ()):
            self._ambience.places.refuse(name)
        snapshots = self._ambience.places.look(self._replica, cache)
        pseudo = {n: v for n, v in values.items() if n not in namespace}
        namespace.update(pseudo)
        try:
            for name in values:
                try:
                    if refused and name in refused:
                        raise CannotLoad(name, refused[name])  # noqa: TRY301 - as below
                    snapshot = self._replica.look([name], cache)[name]
                except (CannotTravel, CannotLoad) as error:
                    stays[name] = str(error)
                    if name == EXCEPTION:
                        continue
                    snapshot = self._keep_untravelled(name, namespace[name], error, cache)
                snapshots[name] = snapshot
            if keep_above is not None:
                result_name = f"Out[{self._shell.execution_count}]"
                snapshots |= keep_large(
                    keep_above, new, snapshots, self._replica, self._kept, cache, result_name
                )
            changed = self._replica.changed(snapshots)
            if changed or deletes:
                self._pending = self._pack(changed, deletes, stays)
        finally:
            for name in pseudo:
                namespace.pop(name, None)
        return stays

    def _keep_untravelled(
        self, name: str, value: Any, error: CannotTravel | CannotLoad, cache: DigestCache
    ) -> Snapshot:
        self._kept.keep(name, value, str(error), nbytes=None, can_travel=False)
        return self._replica.look_at(name, value, cache)

    def _pack(
        self, changed: dict[str, Snapshot], deletes: list[str], stays: dict[str, str]
    ) -> Packed:
        """Pack what changed; what pickles once and then not again stays here."""
        try:
            return self._replica.pack(changed, deletes)
        except CannotTravel as error:
            cache = DigestCache()
            stand_ins = {}
            for name, snapshot in changed.items():
                if name != EXCEPTION and not is_place(name):
                    stays[name] = str(error)
                    stand_ins[name] = self._keep_untravelled(name, snapshot.root, error, cache)
            return self._replica.pack(stand_ins, deletes)


class _Interrupted:
    """Stands for the result of a cell whose own code was not running when SIGINT came."""

    error_before_exec = None

    def __init__(self, error: BaseException) -> None:
        self.error_in_exec = error


def _told(error: BaseException) -> dict[str, Any]:
    return {"ename": type(error).__name__, "evalue": str(error), "traceback": []}


def _without_frames(error: BaseException) -> BaseException:
    """Return the exception itself; its frames stay here, its text was taken already."""
    error.__traceback__ = None
    return error


def remember_source(shell: Any, file_name: str, source: str, count: int) -> None:
    """Make tracebacks and ``inspect.getsource`` know a notebook cell's source."""
    lines = [line + "\n" for line in source.splitlines()]
    linecache.cache[file_name] = (len(source), None, lines, file_name)
    shell.compile._filename_map[file_name] = count  # noqa: SLF001 - IPython's only way in
