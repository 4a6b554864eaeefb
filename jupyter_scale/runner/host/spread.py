"""Loops that spread: measured in place, cut into batches, run on workers, validated, put in order.

The serial run is the truth. Results and output of the workers are used only when every worker
shows that nothing changed which iterations have in common; otherwise the loop goes on in order, in
this process, from where it was, and a note says why.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import itertools
import sys
import threading
import time
import types
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from jupyter_scale.analysis.code import dynamic_read, global_reads
from jupyter_scale.analysis.loops import find_loops
from jupyter_scale.analysis.rewrite import spread_loops
from jupyter_scale.errors import CannotTravel
from jupyter_scale.model.messages import EventKind, LoopProgress
from jupyter_scale.runner import cargo
from jupyter_scale.runner.host import batches, worker
from jupyter_scale.runner.host.engine import Engine
from jupyter_scale.runner.host.frames import with_plain_names
from jupyter_scale.runner.host.pieces import CAPTURED, ITEMS, Known, Piece, pack_piece, unpack_piece
from jupyter_scale.runner.host.streams import Outbox
from jupyter_scale.shipping.ambient.ambience import Ambience
from jupyter_scale.shipping.ambient.places import is_of_output
from jupyter_scale.shipping.fingerprint import DigestCache
from jupyter_scale.shipping.replica import Replica
from jupyter_scale.shipping.snapshot import Snapshot
from jupyter_scale.transport.segments import drop_segment

if TYPE_CHECKING:
    from distributed import Future as DaskFuture

    Future = DaskFuture[worker.BatchOutcome]

    from jupyter_scale.runner.host.interactive import RunnerShell

ENTRY = "__scale_spread__"
_SKIP = frozenset({"get_ipython", "exit", "quit", "__builtins__", "__builtin__"})


@dataclass(frozen=True, slots=True)
class LoopReport:
    """What became of one loop.

    Attributes
    ----------
    line
        Where it is in the cell.
    iterations, spread
        How many there were, and how many of them ran on workers.
    workers
        How many workers took part.
    why
        Why it ran in order, if it did.
    seconds
        How long it took.
    """

    line: int
    iterations: int
    spread: int
    workers: int
    why: str
    seconds: float

    def to_body(self) -> dict[str, Any]:
        """Return the fields as a dictionary."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


class _InOrder(Exception):
    """The loop has to go on in this process; lasting: and so each time that it runs."""

    def __init__(self, why: str, *, is_lasting: bool = True) -> None:
        super().__init__(why)
        self.is_lasting = is_lasting


class Spreader:
    """Runs the loops of one shell's cells on the workers.

    Parameters
    ----------
    engine
        The cluster's workers.
    outbox
        Where output and progress go.
    shared
        The directory for shared memory.
    ambience
        The process-wide state of the shell.
    """

    def __init__(
        self, engine: Engine, outbox: Outbox, shared: Path | None, ambience: Ambience
    ) -> None:
        self._engine, self._outbox, self._shared = engine, outbox, shared
        self.ambience = ambience
        self._reports: list[LoopReport] = []
        self._notes: list[str] = []
        self._in_order: dict[tuple[types.CodeType, ...], str] = {}
        self._lines: dict[int, int] = {}
        self._warned: dict[str, set[Any]] = {}
        self._shell: RunnerShell | None = None
        builtins.__dict__[ENTRY] = self._run_loop

    @contextlib.contextmanager
    def armed(self, shell: RunnerShell, *, is_on: bool) -> Iterator[None]:
        """Hand the loops of cells that run meanwhile to this spreader."""
        self._shell = shell
        self._reports, self._notes = [], []
        if not is_on:
            yield
            return
        transformer = _Transformer(self._lines)
        shell.ast_transformers.append(transformer)
        try:
            yield
        finally:
            with contextlib.suppress(ValueError):  # IPython drops one that fails
                shell.ast_transformers.remove(transformer)

    def take_reports(self) -> list[LoopReport]:
        """Return what became of the last cell's loops."""
        return self._reports

    def take_notes(self) -> list[str]:
        """Return what the user should know of the last cell's loops."""
        return self._notes

    # -- one loop ----------------------------------------------------------------------------

    def _run_loop(
        self, number: int, rewritten: types.FunctionType, iterable: Iterable[Any]
    ) -> list[Any]:
        """Return what the comprehension would: the entry point of rewritten cells."""
        line = self._lines.get(number, 0)
        plain = with_plain_names(rewritten)
        code, function = plain.__code__, cast("Callable[[Iterable[Any]], list[Any]]", plain)
        started = time.perf_counter()
        source = self._source_of(code)
        why = self._in_order.get(source, "")
        if threading.current_thread() is not threading.main_thread():
            return function(iterable)
        if why:
            results = function(iterable)
            self._report(line, len(results), 0, 0, why, started)
            return results
        if not batches.can_list(iterable):
            self._report(line, 0, 0, 0, f"items come from a {type(iterable).__name__}", started)
            return function(iterable)
        items = list(iterable)
        results, measured = self._probe(function, items)
        rest = items[len(items) - measured.left :]
        if not batches.is_worth_spreading(len(rest), measured.seconds_each):
            self._report(line, len(items), 0, 0, "too short to spread", started)
            return results + (function(rest) if rest else [])
        workers = self._worker_count(len(rest) * measured.seconds_each)
        try:
            more, used = self._spread(line, function, items, rest, measured.seconds_each, workers)
        except _InOrder as decision:
            why = str(decision)
            if decision.is_lasting:
                self._in_order[source] = why
            self._notes.append(f"the loop in line {line} ran in order: {why}")
            self._report(line, len(items), 0, 0, why, started)
            return results + function(rest)
        except Exception:
            self._report(line, len(items), len(rest), workers, "", started)
            raise
        self._report(line, len(items), len(rest), used, "", started)
        return results + more

    def _source_of(self, code: types.CodeType) -> tuple[types.CodeType, ...]:
        """Return what a verdict is remembered for: the loop's code, and that of what it calls."""
        namespace = self._shell.user_ns if self._shell else {}
        called = (namespace.get(name) for name in sorted(global_reads(code)))
        return (code, *(f.__code__ for f in called if isinstance(f, types.FunctionType)))

    def _report(
        self, line: int, iterations: int, spread: int, workers: int, why: str, started: float
    ) -> None:
        seconds = time.perf_counter() - started
        self._reports.append(LoopReport(line, iterations, spread, workers, why, seconds))

    @staticmethod
    def _probe(
        function: Callable[[Iterable[Any]], list[Any]], items: list[Any]
    ) -> tuple[list[Any], _Measured]:
        """Run the first iterations here until one knows how long one takes."""
        results: list[Any] = []
        left, seconds_each = len(items), 0.0
        for size in batches.probe_sizes(len(items)):
            begin = len(items) - left
            started = time.perf_counter()
            results += function(items[begin : begin + size])
            seconds = time.perf_counter() - started
            left -= size
            seconds_each = seconds / size
            if batches.is_measured(seconds):
                break
        return results, _Measured(left, seconds_each)

    def _worker_count(self, seconds: float) -> int:
        try:
            return self._engine.count_workers(seconds)
        except OSError as error:
            self._notes.append(f"loops ran in order: no scheduler ({error})")
            return 0

    # -- spreading ---------------------------------------------------------------------------

    def _spread(
        self,
        line: int,
        function: Callable[[Iterable[Any]], list[Any]],
        items: list[Any],
        rest: list[Any],
        seconds_each: float,
        workers: int,
    ) -> tuple[list[Any], int]:
        self._warned = {
            name: set(registry)
            for name, module in list(sys.modules.items())
            if (registry := getattr(module, "__warningregistry__", None))
        }
        if workers < 2:  # noqa: PLR2004 - nobody to share with
            msg = "there is one worker only" if workers else "there is no worker"
            raise _InOrder(msg, is_lasting=False)
        captured, known = self._capture(function)
        sizes = batches.sizes(len(rest), seconds_each, workers)
        try:
            batches_of_items = _cut(rest, sizes)
            memos: list[dict[int, Any]] = []
            pieces = self._pack_items(batches_of_items, known, memos)
            outcomes = self._run_batches(
                LoopProgress(0, line, len(items), len(items) - len(rest), workers),
                captured,
                pieces,
                sizes,
            )
            self._validate(captured, outcomes)
            held = [known.joined(Known().add(ITEMS, memo.items())) for memo in memos]
            results = self._collect(function, batches_of_items, outcomes, held)
            return results, len({outcome.worker for outcome in outcomes if outcome.worker})
        finally:
            if captured.parcel["segment"] is not None and self._shared is not None:
                drop_segment(self._shared, captured.parcel["segment"])

    def _capture(
        self, function: Callable[[Iterable[Any]], list[Any]]
    ) -> tuple[worker.Captured, Known]:
        """Pack the function and all that it reads, transitively; return what workers will hold."""
        namespace = self._shell.user_ns if self._shell else {}
        replica = Replica(namespace, is_notebook=False)
        code = function.__code__
        if (why := dynamic_read(code)) is not None:
            raise _InOrder(why)
        cache = DigestCache()
        snapshots = self._look_at_places(replica, cache)
        todo = set(global_reads(code))
        for snapshot in snapshots.values():
            todo |= snapshot.global_reads
        sources: set[str] = {code.co_filename}
        try:
            while todo:
                name = todo.pop()
                if name in snapshots or name not in namespace or name in _SKIP:
                    continue
                snapshot = replica.look([name], cache)[name]
                if snapshot.dynamic_reads is not None:
                    raise _InOrder(snapshot.dynamic_reads)
                snapshots[name] = snapshot
                sources |= set(snapshot.code_files)
                todo |= snapshot.global_reads - set(snapshots)
            snapshots[worker.FUNCTION] = replica.look_at(worker.FUNCTION, function, cache)
            packed = replica.pack(snapshots)
        except CannotTravel as error:
            raise _InOrder(str(error)) from error
        fingerprint = b"".join(s.digest for _, s in sorted(snapshots.items()))
        captured = worker.Captured(
            fingerprint,
            uuid.uuid4().hex,
            cargo.to_body(packed.parcel, self._shared),
            self.ambience.everything(),
            self._sources(sources),
            str(self._shared) if self._shared else None,
        )
        return captured, Known().add(CAPTURED, packed.memo.items())

    def _look_at_places(self, replica: Replica, cache: DigestCache) -> dict[str, Snapshot]:
        """Take snapshots of process-wide objects but those that concern output."""
        places = self.ambience.places.look(replica, cache)
        return {name: snapshot for name, snapshot in places.items() if not is_of_output(name)}

    def _sources(self, file_names: Iterable[str]) -> Mapping[str, Any]:
        import linecache

        known = self._shell.compile._filename_map if self._shell else {}  # noqa: SLF001
        return {
            name: ("".join(linecache.getlines(name)), known[name])
            for name in file_names
            if name in known
        }

    def _pack_items(
        self, batches_of_items: list[list[Any]], known: Known, memos: list[dict[int, Any]]
    ) -> list[Piece]:
        """Pickle the items of every batch; their memos are appended to `memos`."""
        namespace = self._shell.user_ns if self._shell else {}
        pieces: list[Piece] = []
        for batch in batches_of_items:
            try:
                piece, memo = pack_piece(batch, namespace, self._shared, known)
            except Exception as error:
                for made in pieces:
                    made.discard(self._shared)
                raise _InOrder(f"an item cannot travel: {error}") from error
            pieces.append(piece)
            memos.append(memo)
        return pieces

    def _run_batches(
        self,
        progress: LoopProgress,
        captured: worker.Captured,
        pieces: list[Piece],
        sizes: list[int],
    ) -> list[worker.BatchOutcome]:
        """Run all batches; return their outcomes in order."""
        from distributed import as_completed

        client = self._engine.client()
        futures: list[Future] = []
        try:
            [shared_captured] = client.scatter([captured], broadcast=False, hash=False)
            for position, piece in enumerate(pieces):
                futures.append(
                    client.submit(
                        worker.run_batch,
                        shared_captured,
                        piece,
                        pure=False,
                        priority=-position,
                        key=f"line {progress.line}-{captured.loop}-{position}",
                    )
                )
            index = {future.key: number for number, future in enumerate(futures)}
            outcomes: dict[int, worker.BatchOutcome] = {}
            progress = _at_work(progress, len(sizes))
            self._outbox.send(EventKind.PROGRESS, progress.to_body())
            for future in as_completed(futures):
                number = index[future.key]
                outcomes[number] = outcome = self._outcome(future)
                _require_usable(outcome)
                progress = replace(
                    progress,
                    done=progress.done + sizes[number],
                    failed=progress.failed + (outcome.status == "raised"),
                )
                progress = _at_work(progress, len(sizes) - len(outcomes))
                self._outbox.send(EventKind.PROGRESS, progress.to_body())
            return [outcomes[number] for number in range(len(sizes))]
        except BaseException as error:
            with contextlib.suppress(OSError):
                client.cancel(futures, force=True)
                if isinstance(error, KeyboardInterrupt):
                    client.run(worker.interrupt)
            if isinstance(error, OSError):
                msg = f"the workers cannot be reached ({type(error).__name__})"
                raise _InOrder(msg, is_lasting=False) from error
            raise
        finally:
            for piece in pieces:
                piece.discard(self._shared)

    @staticmethod
    def _outcome(future: Future) -> worker.BatchOutcome:
        error = future.exception()
        if error is None:
            try:
                outcome: worker.BatchOutcome = future.result()
            except CancelledError as cancelled:  # the worker that held the captured values is gone
                raise _InOrder(f"a worker was lost: {cancelled}", is_lasting=False) from cancelled
            return outcome
        raise _InOrder(f"a worker failed: {type(error).__name__}: {error}", is_lasting=False)

    def _validate(self, captured: worker.Captured, outcomes: list[worker.BatchOutcome]) -> None:
        """Make sure that no worker's captured values changed."""
        last: dict[str, worker.BatchOutcome] = {}
        for outcome in outcomes:
            last[outcome.worker] = outcome
        unsure = [address for address, outcome in last.items() if not outcome.is_checked]
        if not unsure:
            return
        verdicts = self._engine.client().run(worker.check, captured, workers=unsure)
        for changed in verdicts.values():
            if changed:
                raise _InOrder(f"it changes {changed}")

    def _collect(
        self,
        function: Callable[[Iterable[Any]], list[Any]],
        batches_of_items: list[list[Any]],
        outcomes: list[worker.BatchOutcome],
        held: list[Known],
    ) -> list[Any]:
        """Release output and results in serial order; raise the first exception in place."""
        namespace = self._shell.user_ns if self._shell else {}
        results: list[Any] = []
        for batch, outcome, known in zip(batches_of_items, outcomes, held, strict=True):
            if outcome.status == "raised" or outcome.results is None:
                # Here it raises the same again, with real frames and in its place.
                results += function(batch)
            else:
                self._replay(outcome.output)
                part, _ = unpack_piece(
                    outcome.results, namespace, self._shared, known, is_last=True
                )
                results += part
        return results

    def _replay(self, output: Iterable[worker.Written | worker.Warned]) -> None:
        """Show what iterations wrote; a warning appears as often as it would have here.

        The registries that say what was shown are cleared whenever some thread changes filters,
        so what the iterations in place had shown was noted at once.
        """
        for item in output:
            if isinstance(item, worker.Written):
                getattr(sys, item.stream).write(item.text)
                continue
            namespace, module = self._home_of(item.file_name)
            key = (str(item.message), item.category, item.line)
            if key in self._warned.get(module, ()):
                continue
            warnings.warn_explicit(
                item.message,
                item.category,
                item.file_name,
                item.line,
                module=module,
                registry=namespace.setdefault("__warningregistry__", {}),
            )

    def _home_of(self, file_name: str) -> tuple[dict[str, Any], str]:
        """Return the namespace that remembers a file's warnings, and its module's name."""
        for name, module in list(sys.modules.items()):
            if getattr(module, "__file__", None) == file_name:
                return module.__dict__, name
        return (self._shell.user_ns if self._shell else {}), "__main__"


@dataclass(frozen=True, slots=True)
class _Measured:
    left: int
    seconds_each: float


def _cut(items: list[Any], sizes: list[int]) -> list[list[Any]]:
    """Return consecutive parts of a list, of these sizes."""
    ends = list(itertools.accumulate(sizes))
    return [items[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def _at_work(progress: LoopProgress, tasks_left: int) -> LoopProgress:
    """Return the progress with the number of iterations that workers have in hand, estimated."""
    left = progress.total - progress.done
    in_hand = min(progress.workers, tasks_left)
    return replace(progress, running=round(in_hand * left / tasks_left) if tasks_left else 0)


def _require_usable(outcome: worker.BatchOutcome) -> None:
    if outcome.status not in {"ok", "raised"}:
        raise _InOrder(_explain(outcome), is_lasting=outcome.status != "interrupted")


def _explain(outcome: worker.BatchOutcome) -> str:
    if outcome.status == "interrupted":
        return "it was interrupted"
    if outcome.status == "effect":
        return f"it has an outside effect, {outcome.why}"
    if outcome.status == "changed":
        return f"it changes {outcome.why}"
    return f"a result cannot travel: {outcome.why}"


class _Transformer(ast.NodeTransformer):
    """Rewrites a cell's loops, as IPython applies it to each cell."""

    def __init__(self, lines: dict[int, int]) -> None:
        self._lines = lines

    def visit(self, tree: ast.AST) -> ast.AST:
        """Return the tree with its loops handed over."""
        assert isinstance(tree, ast.Module)  # noqa: S101 - IPython passes whole cells
        loops = [loop for loop in find_loops(tree) if loop.spreads]
        self._lines.clear()
        self._lines.update({loop.number: loop.line for loop in loops})
        return spread_loops(tree, ENTRY, frozenset(self._lines)) if loops else tree
