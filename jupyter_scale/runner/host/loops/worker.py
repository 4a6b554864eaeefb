"""A worker's part in a spread loop: hold captured values, run batches, tell what changed.

The functions here run in Dask workers, one task at a time. Their namespace is the worker's
``__main__``.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import pickle
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from distributed import Worker, WorkerPlugin, get_worker

from jupyter_scale.errors import CannotTravel
from jupyter_scale.runner import cargo
from jupyter_scale.runner.host import displays, figures
from jupyter_scale.runner.host.effects import OutsideEffect
from jupyter_scale.runner.host.loops.batchrun import BatchRun
from jupyter_scale.runner.host.loops.captured import FUNCTION, BatchOutcome, Captured
from jupyter_scale.runner.host.loops.iterations import (
    install,
    run_in_order,
)
from jupyter_scale.runner.host.loops.pieces import (
    CAPTURED,
    ITEMS,
    Known,
    Piece,
    unpack_piece,
)
from jupyter_scale.runner.host.mirrored import mirrors_root
from jupyter_scale.shipping.ambient import watching as ambient
from jupyter_scale.shipping.ambient.ambience import Ambience
from jupyter_scale.shipping.ambient.places import describe, is_place
from jupyter_scale.shipping.fingerprint import Digest, DigestCache
from jupyter_scale.shipping.replica import Replica
from jupyter_scale.transport.random_state import isolate

_CHECK_SHARE = 0.02


class Hold:
    """The captured values that this worker has, and their baseline."""

    def __init__(self, captured: Captured) -> None:
        isolate()
        prepare()
        main = sys.modules["__main__"]
        self.namespace: dict[str, Any] = main.__dict__
        self.namespace["__name__"] = "__main__"  # not as multiprocessing calls it
        shared = Path(captured.shared) if captured.shared else None
        self.begin(captured)
        self._remember(captured.sources)
        self.replica = Replica(self.namespace, is_notebook=False)
        parcel = cargo.from_body(captured.parcel, shared, self.replica.recall, is_last=False)
        before = set(self.namespace)
        memo: dict[int, Any] = {}
        self.replica.unpack(parcel, memo)
        self.known = Known().add(CAPTURED, memo.items())
        self.per_task = {n: self.namespace[n] for n in parcel.names if ambient.is_per_task(n)}
        self.ambience.places.take_from(self.namespace, parcel.names)
        self.places = {name for name in parcel.names if is_place(name)}
        self._drop_earlier_places()
        self.ambience.apply_everything(captured.ambient, only=("warnings",))
        self.names = [n for n in parcel.names if n != FUNCTION and n not in self.places]
        self.function: Callable[[Any], Any] = self.namespace.pop(FUNCTION)
        self.own_code = frozenset(_nested(self.function))
        self.replica.records.pop(FUNCTION, None)
        self.added = set(self.namespace) - before
        self.bindings = self._bindings()
        self.baseline = self.digests()
        self.ambience.on_module_run = self._extend_baseline
        self.ambient = self.ambience.read()

    def _drop_earlier_places(self) -> None:
        global _places_taken  # noqa: PLW0603 - they outlive the loop, as modules do
        self.ambience.places.drop_all(_places_taken - self.places)
        _places_taken = set(self.places)

    def begin(self, captured: Captured) -> None:
        """Take over the process-wide state of the runner for another run of the loop."""
        self.loop, self.terms = captured.loop, captured.terms
        self.unchecked_seconds = 0.0
        self.ambience = _ambience()
        self.ambience.apply_everything(captured.ambient)
        self.ambient = self.ambience.read()

    def begin_batch(self, captured: Captured) -> None:
        """Take over what belongs to a thread or task rather than to the process."""
        figures.guard()
        self.ambience.apply_everything(captured.ambient, only=ambient.PER_TASK)
        for name, value in self.per_task.items():
            self.ambience.places.put(name, value)
        self.ambient |= {name: self.ambience.read().get(name) for name in ambient.PER_TASK}

    @staticmethod
    def _remember(sources: Mapping[str, Any]) -> None:
        import linecache

        for file_name, (source, _count) in sources.items():
            lines = [line + "\n" for line in source.splitlines()]
            linecache.cache[file_name] = (len(source), None, lines, file_name)

    def digests(self) -> dict[str, Digest]:
        """Return the fingerprint of every captured name."""
        cache = DigestCache()
        started = time.perf_counter()
        snapshots = self.replica.look(self.names, cache)
        if getattr(self.function, "__closure__", None):
            snapshots[FUNCTION] = self.replica.look_at(FUNCTION, self.function, cache)
        snapshots |= self.ambience.places.look(self.replica, cache, all_of_them=True)
        found = {name: snapshot.digest for name, snapshot in snapshots.items()}
        self.check_seconds = time.perf_counter() - started
        return found

    def _extend_baseline(self, _module: str) -> None:
        """Take a module that an iteration has imported as it is right after that."""
        places = self.ambience.places.look(self.replica, DigestCache(), all_of_them=True)
        for name, snapshot in places.items():
            self.baseline.setdefault(name, snapshot.digest)

    def what_changed(self, *, deep: bool, is_in_task: bool = True) -> str:
        """Say what is no longer as it arrived; empty when all is."""
        now = self.ambience.read()
        if self.terms.seed is not None:
            now |= {name: self.ambient.get(name) for name in ambient.GENERATORS}
        changed = ambient.changed_part(self.ambient, now, is_in_task=is_in_task)
        if changed:
            return changed
        if left := figures.left_open():
            return left
        bound = self._bindings()
        if bound != self.bindings:
            names = {n for n in {**bound, **self.bindings} if bound.get(n) != self.bindings.get(n)}
            return f"'{min(names)}'"
        if deep:
            try:
                digests = self.digests()
            except CannotTravel as error:
                return f"'{error.name}'"
            for name in {**self.baseline, **digests}:
                if not is_in_task and ambient.is_per_task(name):
                    continue
                if digests.get(name) != self.baseline.get(name):
                    return _describe(name)
        return ""

    def _bindings(self) -> dict[str, int]:
        """Return what the notebook's names are bound to, also those that nobody reads."""
        return {n: id(v) for n, v in self.namespace.items() if not n.startswith("__")}

    def is_check_due(self, seconds: float) -> bool:
        """Tell whether a comparison is worth its time now; `seconds`: of one more batch."""
        self.unchecked_seconds += seconds
        if self.check_seconds > _CHECK_SHARE * self.unchecked_seconds:
            return False
        self.unchecked_seconds = 0.0
        return True

    def drop(self) -> None:
        """Remove the captured names."""
        for name in {*self.names, *self.added}:
            self.namespace.pop(name, None)


def _describe(name: str) -> str:
    if name == FUNCTION:
        return "a variable of the function around it"
    return describe(name) if is_place(name) else f"'{name}'"


def _nested(function: Any) -> Iterator[types.CodeType]:
    """Yield the code of functions that a loop's iterations make."""
    todo = [getattr(function, "__code__", None)]
    while todo:
        code = todo.pop()
        inner = [c for c in getattr(code, "co_consts", ()) if isinstance(c, types.CodeType)]
        yield from inner
        todo += inner


_process_ambience: Ambience | None = None
_places_taken: set[str] = set()
_owner = ""
_hold: tuple[bytes, Hold] | None = None
_lock = threading.Lock()
_interrupting = threading.Lock()
_task_thread: int | None = None
_over = ""


def _ambience() -> Ambience:
    global _process_ambience  # noqa: PLW0603 - one per process
    if _process_ambience is None:
        _process_ambience = Ambience(mirrors=mirrors_root())
    return _process_ambience


def _held(captured: Captured) -> Hold:
    global _hold  # noqa: PLW0603 - a worker holds one loop's values at a time
    if _hold is None or _hold[0] != captured.fingerprint:
        if _hold is not None:
            _hold[1].drop()
            _hold = None
        _hold = captured.fingerprint, Hold(captured)
    elif _hold[1].loop != captured.loop:
        _hold[1].begin(captured)
    return _hold[1]


def _let_go() -> None:
    global _hold  # noqa: PLW0603
    if _hold is not None:
        _hold[1].drop()
    _hold = None


def take_over(owner: str, state: Mapping[str, Any], places: Mapping[str, Any]) -> None:
    """Make the process-wide state that of a pool's task; no loop holds anything any more.

    Parameters
    ----------
    owner
        Whose state it is: what belongs to the process is set once for each.
    state, places
        The plain part, and ``name → object``.
    """
    global _places_taken, _owner  # noqa: PLW0603 - they outlive the task, as modules do
    with _lock:
        isolate()
        prepare()
        ambience = _ambience()
        if _hold is None and _owner == owner:
            ambience.apply_everything(state, only=ambient.PER_TASK)
            names: set[str] = set(filter(ambient.is_per_task, places))
        else:
            _let_go()
            _owner, names = owner, set(places)
            ambience.apply_everything(state)
            ambience.places.drop_all(_places_taken - names)
            _places_taken = names
        ambience.places.take_from(dict(places), names)
        if names == set(places):
            ambience.apply_everything(state, only=("warnings",))


class Preparation(WorkerPlugin):
    """Prepares every worker, also one that joins later: code of cells may get there as any task."""

    name = "jupyter-scale"

    def setup(self, worker: Worker) -> None:
        """Prepare the process of a worker."""
        prepare()


def prepare() -> None:
    """Make this process notice what only a notebook's own process can show.

    A worker does not have the notebook's log handlers: an iteration that uses them has to run where
    they are.
    """
    if not displays.install():
        return
    install(run_in_order)
    call_handlers = logging.Logger.callHandlers

    def call_or_stop(logger: logging.Logger, record: logging.LogRecord) -> None:
        if threading.get_ident() == _task_thread:
            msg = f"a message of the logger {record.name!r}"
            raise OutsideEffect(msg)
        call_handlers(logger, record)

    logging.Logger.callHandlers = call_or_stop  # type: ignore[method-assign,assignment]


# -- tasks -----------------------------------------------------------------------------------


def run_batch(
    captured: Captured | bytes, items: Piece, first: int, *, is_last: bool, must_check: bool
) -> BatchOutcome:
    """Run some iterations; raises only for what is our own fault.

    Parameters
    ----------
    captured
        As they are, or pickled.
    first
        The number of the first one, from 0.
    is_last
        What they bind is wanted, too.
    must_check
        Compare captured values afterwards, whatever that costs.
    """
    if isinstance(captured, bytes):
        captured = cast("Captured", pickle.loads(captured))
    with _lock:
        hold = _held(captured)
        hold.begin_batch(captured)
        shared = Path(captured.shared) if captured.shared else None
        batch, memo = unpack_piece(items, hold.namespace, shared, hold.known, is_last=False)
        known_items = Known().add(ITEMS, memo.items())
        run = BatchRun(hold, batch, known_items, shared, partial(_interruptible, captured.loop))
        outcome = run.carry_out(first, is_last=is_last, must_check=must_check)
        if outcome.status not in {"ok", "lost"}:
            _let_go()  # what it holds is not as it arrived
        return replace(outcome, worker=get_worker().address)


def check(captured: Captured) -> str:
    """Say what this worker's batches changed in the captured values; empty when nothing."""
    with _lock:
        if _hold is None or _hold[0] != captured.fingerprint:
            return ""
        changed = _hold[1].what_changed(deep=True, is_in_task=False)
        if changed:
            _let_go()
        return changed


def interrupt(loop: str, *, is_over: bool) -> bool:
    """Raise KeyboardInterrupt in the running iteration of a loop; tell whether there is one.

    Parameters
    ----------
    is_over
        None of its iterations begins any more.
    """
    global _over  # noqa: PLW0603 - a task of it may be about to begin
    with _interrupting:
        if is_over:
            _over = loop
        if _task_thread is None or _hold is None or _hold[1].loop != loop:
            return False
        _set_asynchronous_exception(_task_thread, ctypes.py_object(KeyboardInterrupt))
        return True


@contextlib.contextmanager
def _interruptible(loop: str) -> Iterator[None]:
    """Let `interrupt` reach the iterations, and nothing that comes after them."""
    global _task_thread  # noqa: PLW0603 - one task at a time
    thread = threading.get_ident()
    with _interrupting:
        if _over == loop:
            raise KeyboardInterrupt
        _task_thread = thread
    try:
        yield
    finally:
        with _interrupting:
            _task_thread = None
            _set_asynchronous_exception(thread, None)


def _set_asynchronous_exception(thread: int, error: ctypes.py_object[Any] | None) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), error)
