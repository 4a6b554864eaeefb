"""A worker's part in a pool: hold the image of the notebook, run calls, tell what became of them.

The functions here run in Dask workers, one task at a time. While one runs, ``__main__`` is the
module made from the image.
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import ctypes
import pickle
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_scale.model.run import Inputs
from jupyter_scale.runner import cargo
from jupyter_scale.runner.host.effects import OutsideEffect, watching
from jupyter_scale.runner.host.failing import call_at
from jupyter_scale.runner.host.frames import strip
from jupyter_scale.runner.host.loops import worker as loops
from jupyter_scale.runner.host.pools.image import Image
from jupyter_scale.runner.host.pools.wire import Bundle, Memory, pack, unpack
from jupyter_scale.runner.host.recorded import Output, Recorder
from jupyter_scale.shipping.ambient.places import is_place
from jupyter_scale.shipping.replica import Replica
from jupyter_scale.transport.segments import drop_segment, map_segment, write_segment

if TYPE_CHECKING:
    from distributed import Worker

INLINE_BYTES = 64 * 1024
_GRACE_S = 0.5
_LOOK_EVERY_S = 0.02
_DELAY_S = 0.1
_GIVEN_UP = frozenset({"cancelled", "resumed"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one call.

    Attributes
    ----------
    status
        ``"ok"``; ``"raised"``; ``"lost"``: its result cannot be pickled.
    value
        The result or the exception.
    traceback
        As text, for exceptions.
    shown
        What a lost result looks like.
    inputs
        What a call that raised was given.
    """

    status: str
    value: Bundle
    traceback: str = ""
    shown: str = ""
    inputs: Inputs | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one task, which is some calls.

    Attributes
    ----------
    outcomes
        One for each call.
    broken
        Why the process could not run them, if it could not.
    output
        What was written, in its order.
    seconds
        Time spent in the calls.
    had_effect
        Whether something outside of the process may have changed.
    """

    outcomes: tuple[Outcome, ...] = ()
    broken: str = ""
    output: tuple[Output, ...] = ()
    seconds: float = 0.0
    had_effect: bool = False


# -- the worker's state ----------------------------------------------------------------------


class _Process:
    """What stands for a pool's process in this worker: a ``__main__`` made from the image."""

    def __init__(self, name: str, image: Image, shared: Path | None) -> None:
        self.name, self.shared = name, shared
        self.is_strict = image.is_strict
        self._ambient, self._initializer = image.ambient, image.initializer
        self.main = types.ModuleType("__main__")
        self.namespace: dict[str, Any] = self.main.__dict__
        self.namespace["__builtins__"] = builtins
        _remember(image.sources)
        replica = Replica(self.namespace, is_notebook=False)
        parcel = cargo.from_body(image.parcel, shared, replica.recall, is_last=False)
        replica.unpack(parcel)
        self._places = {n: self.namespace.pop(n) for n in parcel.names if is_place(n)}

    def initialize(self) -> None:
        """Call the pool's initializer."""
        if self._initializer is not None:
            function, arguments = unpack(self._initializer, self.namespace, self.shared)
            function(*arguments)

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Be this process meanwhile."""
        before = sys.modules["__main__"]
        loops.take_over(self.name, self._ambient, self._places)
        sys.modules["__main__"] = self.main
        try:
            yield
        finally:
            sys.modules["__main__"] = before


def _remember(sources: Mapping[str, str]) -> None:
    import linecache

    for file_name, source in sources.items():
        lines = source.splitlines(keepends=True)
        linecache.cache[file_name] = (len(source), None, lines, file_name)


_process: _Process | None = None
_interrupting = threading.Lock()
_running: tuple[str, int] | None = None


# -- tasks -----------------------------------------------------------------------------------


def run_calls(
    name: str,
    image: Image | None,
    pool: str,
    mark: str,
    calls: Sequence[Bundle],
    shared: str | None,
) -> Report:
    """Run some calls in an image; raises only for what is our own fault.

    Parameters
    ----------
    name, image
        The image; without one `name` is that of the segment that holds it.
    pool
        Whose calls these are, for `end`.
    mark
        Name of the file that says that these calls had an effect when a worker ran them before.
    """
    directory = Path(shared) if shared else None
    marked = directory / mark if directory else None
    if marked is not None and marked.exists():
        return Report(broken="a worker died after its task had an outside effect", had_effect=True)
    output: list[Output] = []
    outcomes: list[Outcome] = []
    seconds, had_effect = 0.0, False
    with _captured(output):
        try:
            process = _enter(name, image, directory)
        except _InitializerFailed as failed:
            return Report(broken=str(failed), output=tuple(output), had_effect=True)
        with process.at_work():
            for call in calls:
                started = time.perf_counter()
                with watching(before_first=partial(_leave, marked)) as watch:
                    ended = _call(process, pool, call)
                had_effect |= watch.seen is not None
                outcomes.append(_packed(process, *ended))
                seconds += time.perf_counter() - started
    return Report(tuple(outcomes), "", tuple(output), seconds, had_effect)


def _leave(mark: Path | None) -> None:
    """Leave a trace that outlives this process."""
    if mark is not None:
        mark.touch()


class _InitializerFailed(Exception):
    """A pool's initializer raised."""


def _enter(name: str, image: Image | None, shared: Path | None) -> _Process:
    """Return the process with this image: a new one if the last was another."""
    global _process  # noqa: PLW0603 - a worker is one process of one pool at a time
    if _process is None or _process.name != name:
        _process = None
        process = _Process(name, image or _read_image(name, shared), shared)
        with process.at_work():
            try:
                process.initialize()
            except BaseException as error:
                traceback.print_exc()
                msg = f"the initializer raised {type(error).__name__}: {error}"
                raise _InitializerFailed(msg) from error
        _process = process
    return _process


def _read_image(name: str, shared: Path | None) -> Image:
    assert shared is not None  # noqa: S101 - only there an image has a segment
    [payload] = map_segment(shared, name, [(shared / name).stat().st_size])
    image: Image = pickle.loads(payload)
    return image


def _call(process: _Process, pool: str, call: Bundle) -> tuple[bool, Any]:
    """Return whether a call passed, and its result or exception."""
    try:
        function, args, keywords = unpack(call, process.namespace, process.shared)
        with _interruptible(pool):
            return True, function(*args, **keywords)
    except OutsideEffect as effect:
        return False, RuntimeError(f"{effect} needs the notebook's own process")
    except BaseException as error:  # noqa: BLE001 - the notebook's own; it is raised again there
        return False, error


def _packed(process: _Process, passed: bool, value: Any) -> Outcome:  # noqa: FBT001 - as `_call` says
    try:
        bundle = _to_bundle(process, value, is_strict=process.is_strict)
    except Exception as error:  # noqa: BLE001 - whatever user code in __reduce__ raises
        return Outcome("lost", _to_bundle(process, error), text_of(error), repr(value))
    if passed:
        return Outcome("ok", bundle)
    return Outcome("raised", bundle, text_of(value), inputs=call_at(value))


def _to_bundle(process: _Process, value: Any, *, is_strict: bool = False) -> Bundle:
    store = partial(store_buffer, shared=process.shared)
    namespace = process.namespace
    return pack(value, namespace, namespace, store, is_strict=is_strict, is_call=False)[0]


def text_of(error: BaseException) -> str:
    """Return an exception's traceback without our frames."""
    return "".join(traceback.format_exception(type(error), error, strip(error.__traceback__)))


def store_buffer(buffer: memoryview, shared: Path | None) -> Memory:
    """Put one buffer where the other side finds it."""
    if shared is None or buffer.nbytes < INLINE_BYTES:
        return Memory(buffer.nbytes, None, bytes(buffer))
    return Memory(buffer.nbytes, write_segment(shared, [buffer]))


def discard(bundle: Bundle, shared: Path | None) -> None:
    """Remove the segments of what nobody will read again."""
    for memory in bundle.memory:
        if memory.segment is not None and shared is not None:
            drop_segment(shared, memory.segment)


# -- the end ---------------------------------------------------------------------------------


async def end(pools: Collection[str], dask_worker: Worker) -> bool:
    """Raise KeyboardInterrupt in these pools' call; return whether, within half a second, it ended.

    Nothing may run then that the scheduler has given up: Dask's own tasks cannot be interrupted.
    """
    with _interrupting:
        if _running is not None and _running[0] in pools:
            _set_asynchronous_exception(_running[1], ctypes.py_object(KeyboardInterrupt))
    await asyncio.sleep(_DELAY_S)  # the scheduler's word comes by another connection
    known = dask_worker.state.tasks
    return await _wait_until(
        lambda: (
            (_running is None or _running[0] not in pools)
            and all(task.state not in _GIVEN_UP for task in known.values())
        )
    )


async def _wait_until(is_done: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _GRACE_S
    while not is_done() and time.monotonic() < deadline:  # noqa: ASYNC110 - no event tells it
        await asyncio.sleep(_LOOK_EVERY_S)
    return is_done()


def forget(images: Collection[str]) -> None:
    """Let go of images that no pool has any more."""
    global _process  # noqa: PLW0603 - as in `_enter`
    if _process is not None and _process.name in images:
        _process = None


@contextlib.contextmanager
def _interruptible(pool: str) -> Iterator[None]:
    """Let `end` reach the call, and nothing that comes after it."""
    global _running  # noqa: PLW0603 - one call at a time
    thread = threading.get_ident()
    _running = pool, thread
    try:
        yield
    finally:
        with _interrupting:
            _running = None
            _set_asynchronous_exception(thread, None)


def _set_asynchronous_exception(thread: int, error: ctypes.py_object[Any] | None) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), error)


@contextlib.contextmanager
def _captured(output: list[Output]) -> Iterator[None]:
    """Keep what is written; warnings are text, as those of a plain pool's process."""
    with (
        contextlib.redirect_stdout(Recorder("stdout", output)),
        contextlib.redirect_stderr(Recorder("stderr", output)),
    ):
        yield
