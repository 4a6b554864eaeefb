"""A worker's part in a spread loop: hold captured values, run batches, tell what changed.

The functions here run in Dask workers, one task at a time. Their namespace is the worker's
``__main__``.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import logging
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from distributed import get_worker

from jupyter_scale.errors import CannotTravel
from jupyter_scale.runner import cargo
from jupyter_scale.runner.host.effects import OutsideEffect, watching
from jupyter_scale.runner.host.pieces import (
    CAPTURED,
    ITEMS,
    Known,
    Piece,
    pack_piece,
    unpack_piece,
)
from jupyter_scale.shipping.ambient import watching as ambient
from jupyter_scale.shipping.ambient.ambience import Ambience
from jupyter_scale.shipping.ambient.places import describe, is_place
from jupyter_scale.shipping.fingerprint import Digest, DigestCache
from jupyter_scale.shipping.replica import Replica
from jupyter_scale.shipping.tokens import TokenTable
from jupyter_scale.transport.random_state import isolate

#: The parcel name of the function that runs a batch.
FUNCTION = "<loop>"
_CHECK_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Captured:
    """The values that a loop reads, packed once for all workers.

    Attributes
    ----------
    fingerprint
        Of all values together: a worker that has them already does not load them again.
    loop
        Unique for each time that a loop runs.
    """

    fingerprint: bytes
    loop: str
    parcel: Mapping[str, Any]
    ambient: Mapping[str, Any]
    sources: Mapping[str, Any]
    shared: str | None


@dataclass(frozen=True, slots=True)
class Written:
    """Text that an iteration wrote to ``"stdout"`` or ``"stderr"``."""

    stream: str
    text: str


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning that an iteration issued; whether it is shown is decided where the loop is."""

    message: str | Warning
    category: type[Warning]
    file_name: str
    line: int


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What became of one batch.

    Attributes
    ----------
    status
        ``"ok"``; ``"raised"`` (an iteration raised); ``"effect"`` (it was about to change something
        outside, and was stopped); ``"interrupted"``; ``"changed"`` (it changed a captured value);
        ``"lost"`` (a value cannot travel).
    why
        What changed or could not travel.
    results
        The list of results, for ``"ok"``.
    output
        `Written` texts and `Warned` warnings in their order.
    seconds
        Time spent in the iterations.
    is_checked
        Whether captured values were compared afterwards.
    worker
        Where it ran, as Dask addresses it.
    """

    status: str
    why: str = ""
    results: Piece | None = None
    output: tuple[Written | Warned, ...] = ()
    seconds: float = 0.0
    is_checked: bool = False
    worker: str = ""


# -- the worker's state ----------------------------------------------------------------------


class _Hold:
    """The captured values that this worker has, and their baseline."""

    def __init__(self, captured: Captured) -> None:
        isolate()
        prepare()
        main = sys.modules["__main__"]
        self.namespace: dict[str, Any] = main.__dict__
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
        self.function: Callable[[Any], list[Any]] = self.namespace.pop(FUNCTION)
        self.replica.records.pop(FUNCTION, None)
        self.added = set(self.namespace) - before
        self.baseline = self.digests()
        self.ambience.on_module_run = self._extend_baseline
        self.ambient = self.ambience.read()

    def _drop_earlier_places(self) -> None:
        global _places_taken  # noqa: PLW0603 - they outlive the loop, as modules do
        self.ambience.places.drop_all(_places_taken - self.places)
        _places_taken = set(self.places)

    def begin(self, captured: Captured) -> None:
        """Take over the process-wide state of the runner for another run of the loop."""
        self.loop = captured.loop
        self.ambience = _ambience()
        self.ambience.apply_everything(captured.ambient)
        self.ambient = self.ambience.read()

    def begin_batch(self, captured: Captured) -> None:
        """Take over what belongs to a thread or task rather than to the process."""
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
        changed = ambient.changed_part(self.ambient, self.ambience.read(), is_in_task=is_in_task)
        if changed:
            return changed
        if deep:
            try:
                digests = self.digests()
            except CannotTravel as error:
                return f"'{error.name}'"
            for name in {**self.baseline, **digests}:
                if not is_in_task and ambient.is_per_task(name):
                    continue
                if digests.get(name) != self.baseline.get(name):
                    return describe(name) if is_place(name) else f"'{name}'"
        return ""

    def drop(self) -> None:
        """Remove the captured names."""
        for name in {*self.names, *self.added}:
            self.namespace.pop(name, None)


_process_ambience: Ambience | None = None
_places_taken: set[str] = set()
_owner = ""
_hold: tuple[bytes, _Hold] | None = None
_lock = threading.Lock()
_interrupting = threading.Lock()
_task_thread: int | None = None


def _ambience() -> Ambience:
    global _process_ambience  # noqa: PLW0603 - one per process
    if _process_ambience is None:
        _process_ambience = Ambience()
    return _process_ambience


def _held(captured: Captured) -> _Hold:
    global _hold  # noqa: PLW0603 - a worker holds one loop's values at a time
    if _hold is None or _hold[0] != captured.fingerprint:
        if _hold is not None:
            _hold[1].drop()
            _hold = None
        _hold = captured.fingerprint, _Hold(captured)
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


def prepare() -> None:
    """Make this process notice what only a notebook's own process can show.

    A worker has neither the notebook's displays nor its log handlers: an iteration that uses them
    has to run where they are.
    """
    import builtins

    from IPython.core import display_functions

    if getattr(builtins, "display", None) is _stop_display:
        return
    builtins.display = _stop_display  # type: ignore[attr-defined]
    for module in (display_functions, sys.modules.get("IPython.display")):
        if module is not None:
            module.display = _stop_display  # type: ignore[attr-defined]
    call_handlers = logging.Logger.callHandlers

    def call_or_stop(logger: logging.Logger, record: logging.LogRecord) -> None:
        if threading.get_ident() == _task_thread:
            msg = f"a message of the logger {record.name!r}"
            raise OutsideEffect(msg)
        call_handlers(logger, record)

    logging.Logger.callHandlers = call_or_stop  # type: ignore[method-assign,assignment]


def _stop_display(*_objects: object, **_options: object) -> None:
    msg = "display()"
    raise OutsideEffect(msg)


# -- tasks -----------------------------------------------------------------------------------


def run_batch(captured: Captured, items: Piece) -> BatchOutcome:
    """Run some iterations; raises only for what is our own fault."""
    with _lock:
        hold = _held(captured)
        hold.begin_batch(captured)
        shared = Path(captured.shared) if captured.shared else None
        batch, memo = unpack_piece(items, hold.namespace, shared, hold.known, is_last=False)
        known = hold.known.joined(Known().add(ITEMS, memo.items()))
        return replace(_run(hold, batch, shared, known), worker=get_worker().address)


def _run(hold: _Hold, batch: list[Any], shared: Path | None, known: Known) -> BatchOutcome:
    table = TokenTable(hold.namespace)
    before = _look_at_items(batch, table)
    started = time.perf_counter()
    results: list[Any] = []
    with _captured_output() as output:
        try:
            with watching(stop=True), _interruptible():
                results = hold.function(batch)
        except OutsideEffect as effect:
            _let_go()
            return BatchOutcome("effect", str(effect))
        except KeyboardInterrupt:
            # Raised on, it would end the worker.
            _let_go()
            return BatchOutcome("interrupted")
        except BaseException as error:  # noqa: BLE001 - the notebook's own; it raises again there
            return BatchOutcome("raised", repr(error), output=tuple(output))
    seconds = time.perf_counter() - started
    deep = hold.check_seconds <= _CHECK_SHARE * seconds
    changed = hold.what_changed(deep=deep)
    if not changed and before is not None and _look_at_items(batch, table) != before:
        changed = "its own items"
    if changed:
        _let_go()
        return BatchOutcome("changed", changed)
    try:
        piece, _ = pack_piece(results, hold.namespace, shared, known)
    except Exception as error:  # noqa: BLE001 - whatever user code in __reduce__ raises
        return BatchOutcome("lost", str(error))
    return BatchOutcome("ok", "", piece, tuple(output), seconds, deep)


def _look_at_items(batch: list[Any], table: TokenTable) -> bytes | None:
    """Return the items' fingerprint; None when they are immutable and need none."""
    from jupyter_scale.shipping.snapshot import take_snapshot

    if all(isinstance(item, (int, float, str, bytes, complex, type(None))) for item in batch):
        return None
    return take_snapshot("items", batch, table, DigestCache()).digest


def check(captured: Captured) -> str:
    """Say what this worker's batches changed in the captured values; empty when nothing."""
    with _lock:
        if _hold is None or _hold[0] != captured.fingerprint:
            return ""
        changed = _hold[1].what_changed(deep=True, is_in_task=False)
        if changed:
            _let_go()
        return changed


def interrupt() -> None:
    """Raise KeyboardInterrupt in the running iteration."""
    with _interrupting:
        if _task_thread is not None:
            _set_asynchronous_exception(_task_thread, ctypes.py_object(KeyboardInterrupt))


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let `interrupt` reach the iterations, and nothing that comes after them."""
    global _task_thread  # noqa: PLW0603 - one task at a time
    thread = _task_thread = threading.get_ident()
    try:
        yield
    finally:
        with _interrupting:
            _task_thread = None
            _set_asynchronous_exception(thread, None)


def _set_asynchronous_exception(thread: int, error: ctypes.py_object[Any] | None) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), error)


class _Recorder(io.TextIOBase):
    """A standard stream that keeps what was written, in order with everything else."""

    def __init__(self, name: str, output: list[Written | Warned]) -> None:
        super().__init__()
        self._name, self._output = name, output

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            msg = f"write() argument must be str, not {type(text).__name__}"
            raise TypeError(msg)
        self._output.append(Written(self._name, text))
        return len(text)


@contextlib.contextmanager
def _captured_output() -> Iterator[list[Written | Warned]]:
    output: list[Written | Warned] = []

    def record(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: object = None,  # noqa: ARG001
        line: str | None = None,  # noqa: ARG001
    ) -> None:
        output.append(Warned(message, category, filename, lineno))

    before = warnings.showwarning
    warnings.showwarning = record
    try:
        with (
            contextlib.redirect_stdout(_Recorder("stdout", output)),
            contextlib.redirect_stderr(_Recorder("stderr", output)),
        ):
            yield output
    finally:
        warnings.showwarning = before
