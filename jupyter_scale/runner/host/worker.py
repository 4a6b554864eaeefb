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
from jupyter_scale.shipping import ambient
from jupyter_scale.shipping.fingerprint import Digest, DigestCache
from jupyter_scale.shipping.replica import Replica
from jupyter_scale.shipping.tokens import TokenTable
from jupyter_scale.transport.random_state import isolate

#: The parcel name of the function that runs a batch.
FUNCTION = "<loop>"
_CHECK_SHARE = 0.02
_AMBIENT_KEYS = ("random", "numpy_random", "environ", "cwd")


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
    log_level: int


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
        parcel = cargo.from_body(captured.parcel, shared, is_last=False)
        before = set(self.namespace)
        memo: dict[int, Any] = {}
        self.replica.unpack(parcel, memo)
        self.known = Known().add(CAPTURED, memo.items())
        if "warnings" in captured.ambient:
            ambient.apply_warnings(captured.ambient["warnings"])
        self.names = [name for name in parcel.names if name != FUNCTION]
        self.function: Callable[[Any], list[Any]] = self.namespace.pop(FUNCTION)
        self.replica.records.pop(FUNCTION, None)
        self.added = set(self.namespace) - before
        self.baseline = self.digests()
        self.ambient = self._ambient()

    def begin(self, captured: Captured) -> None:
        """Take over the process-wide state of the runner for another run of the loop."""
        self.loop = captured.loop
        logging.getLogger().setLevel(captured.log_level)
        ambient.apply(captured.ambient)
        self.ambient = self._ambient()

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
        found = {
            name: snapshot.digest for name, snapshot in self.replica.look(self.names, cache).items()
        }
        self.check_seconds = time.perf_counter() - started
        return found

    def _ambient(self) -> dict[str, Any]:
        now = ambient.gather()
        return {key: now.get(key) for key in _AMBIENT_KEYS}

    def what_changed(self, *, deep: bool) -> str:
        """Say what is no longer as it arrived; empty when all is."""
        now = self._ambient()
        for key in _AMBIENT_KEYS:
            before = self.ambient.get(key)
            if now.get(key) != before and not (key == "numpy_random" and before is None):
                return _AMBIENT_NAMES[key]
        if deep:
            try:
                digests = self.digests()
            except CannotTravel as error:
                return f"'{error.name}'"
            for name in self.names:
                if digests.get(name) != self.baseline.get(name):
                    return f"'{name}'"
        return ""

    def drop(self) -> None:
        """Remove the captured names."""
        for name in {*self.names, *self.added}:
            self.namespace.pop(name, None)


_AMBIENT_NAMES = {
    "random": "the generator of 'random'",
    "numpy_random": "the generator of 'numpy.random'",
    "environ": "os.environ",
    "cwd": "the working directory",
}
_hold: tuple[bytes, _Hold] | None = None
_lock = threading.Lock()
_interrupting = threading.Lock()
_task_thread: int | None = None


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
        changed = _hold[1].what_changed(deep=True)
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
