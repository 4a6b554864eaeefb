"""A pool's part in the shell: packs calls, hands them to workers, takes their results."""

from __future__ import annotations

import contextlib
import math
import pickle
import sys
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool, _RemoteTraceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyter_scale.model.messages import EventKind, LoopProgress
from jupyter_scale.runner.host.engine import Engine
from jupyter_scale.runner.host.loops.batches import TASK_S
from jupyter_scale.runner.host.pools import tasks
from jupyter_scale.runner.host.pools.image import Fork, Image
from jupyter_scale.runner.host.pools.store import BufferStore
from jupyter_scale.runner.host.pools.terms import (
    Call,
    Result,
    Surroundings,
    Tally,
    Terms,
)
from jupyter_scale.runner.host.pools.wire import Bundle, StaysHere, pack, unpack
from jupyter_scale.runner.host.recorded import Written
from jupyter_scale.runner.host.streams import TextStream
from jupyter_scale.transport.segments import drop_segment, write_segment

if TYPE_CHECKING:
    from distributed import Future as DaskFuture

    Future = DaskFuture[tasks.Report]

_SHOW_EVERY_S = 0.1


class Crew:
    """The workers as one pool's processes.

    It is made when a plain pool would fork, in the thread that would.

    Parameters
    ----------
    line
        Where in the cell the pool is used.
    """

    def __init__(self, around: Surroundings, terms: Terms, line: int) -> None:
        self._around, self._terms = around, terms
        self.tally = Tally(line, terms.size)
        #: By this workers know whose call they run.
        self.name = uuid.uuid4().hex
        self._fork: Fork | None = Fork(around.namespace, around.ambience, around.shared)
        self._store = BufferStore(around.shared)
        self._lock, self._packing = threading.Lock(), threading.Lock()
        self._image: tuple[str, Image | None] | None = None
        self._in_image: set[str] = set()
        self._images: list[str] = []
        self._running: dict[int, tuple[Future, threading.Event]] = {}
        self._number = 0
        self._lanes = 0
        self._stopped = threading.Event()
        self._is_local = False
        self._seconds_each = 0.0
        self._shown_at = 0.0
        self._progress = LoopProgress(0, line, 0, 0, terms.size)
        #: Why the pool is of no more use; empty while it is.
        self.broken = ""

    @property
    def engine(self) -> Engine:
        """The cluster's workers."""
        return self._around.engine

    @property
    def terms(self) -> Terms:
        """What the pool asked for."""
        return self._terms

    def announce(self, calls: int = 1) -> None:
        """Count calls that are going to come."""
        with self._lock:
            self.tally.calls += calls
            self._progress = replace(self._progress, total=self.tally.calls)

    @contextlib.contextmanager
    def lane(self) -> Iterator[None]:
        """Be one of those who run calls; the last to leave closes."""
        with self._lock:
            self._lanes += 1
        try:
            yield
        finally:
            with self._lock:
                self._lanes -= 1
                is_last = not self._lanes
            if is_last:
                self._close()

    def batch_size(self, waiting: int) -> int:
        """Return how many of the waiting calls to run as one task."""
        if not self._seconds_each:
            return 1
        share = math.ceil(waiting / (2 * self._terms.size))
        return max(1, min(share, int(TASK_S / self._seconds_each)))

    # -- running -----------------------------------------------------------------------------

    def run(self, calls: Sequence[Call]) -> list[Result]:
        """Run calls, and return what became of each; waits."""
        results: list[Result | None] = [None] * len(calls)
        bundles: dict[int, Bundle] = {}
        needs: set[str] = set()
        for number, call in enumerate(calls):
            packed = self._pack(call)
            if isinstance(packed, Result):
                results[number] = packed
            else:
                bundles[number], names = packed
                needs |= names
        if bundles:
            ran = self._run_packed([calls[n] for n in bundles], list(bundles.values()), needs)
            for number, result in zip(bundles, ran, strict=True):
                results[number] = result
        done = [result for result in results if result is not None]
        self._show(len(calls), sum(result.error is not None for result in done))
        return done

    def _pack(self, call: Call) -> Result | tuple[Bundle, set[str]]:
        """Return the call as it travels, or what became of it here."""
        if self.broken or self._fork is None:
            return Result(error=BrokenProcessPool(self.broken or "the pool is closed"))
        if self._stopped.is_set():
            return Result(error=KeyboardInterrupt())
        if self._is_local:
            return self._run_here(call)
        try:
            return self._to_bundle(call)
        except StaysHere as why:
            self._note(str(why))
            return self._run_here(call)
        except Exception as error:  # noqa: BLE001 - pickling runs the notebook's code
            return Result(error=error)

    def _to_bundle(self, value: Any) -> tuple[Bundle, set[str]]:
        assert self._fork is not None  # noqa: S101 - nothing comes after the end
        namespace, names = self._around.namespace, self._fork.names
        is_strict = self._terms.is_strict
        return pack(value, namespace, names, self._store.put, is_strict=is_strict, is_call=True)

    def _run_here(self, call: Call) -> Result:
        try:
            return Result(self._terms.here.run(call))
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is asked for
            return Result(error=error)

    def _note(self, why: str) -> None:
        if not self.tally.why_here:
            self.tally.why_here = why
            where = f" in line {self.tally.line}" if self.tally.line else ""
            self._around.note(f"{self._terms.what}{where} used processes of its own: {why}")

    def _run_packed(
        self, calls: Sequence[Call], bundles: Sequence[Bundle], needs: set[str]
    ) -> list[Result]:
        try:
            name, image = self._image_with(needs)
            report = self._ask(name, image, bundles)
        except StaysHere as why:
            # A function that reads such a thing will do so each time.
            self._is_local = True
            self._note(str(why))
            return [self._run_here(call) for call in calls]
        except Exception as error:  # noqa: BLE001 - full memory, perhaps; whoever waits is told
            return [Result(error=error) for _ in calls]
        finally:
            for bundle in bundles:
                self._store.release(bundle)
        if report is None:
            return [Result(error=KeyboardInterrupt()) for _ in calls]
        if report.broken:
            self.broken = report.broken
            return [Result(error=BrokenProcessPool(report.broken)) for _ in calls]
        for written in report.output:
            if isinstance(written, Written):
                stream = getattr(sys, written.stream)
                if isinstance(stream, TextStream):  # else it is lost, as a plain process's
                    stream.write(written.text)
        self.tally.had_effect |= report.had_effect
        self.tally.spread += len(calls)
        each = report.seconds / len(calls)
        self._seconds_each = 0.5 * (each + (self._seconds_each or each))
        return [self._result(outcome) for outcome in report.outcomes]

    def _image_with(self, needs: set[str]) -> tuple[str, Image | None]:
        """Return the image in which these names are: a new one if the last lacks some."""
        with self._packing:
            if self._image is not None and needs <= self._in_image:
                return self._image
            self._in_image |= needs
            assert self._fork is not None  # noqa: S101 - nothing comes after the end
            initializer = None
            if self._terms.initializer is not None:
                try:
                    initializer, names = self._to_bundle(self._terms.initializer)
                except StaysHere:
                    raise
                except Exception as error:
                    # A plain pool's processes inherit it without pickling.
                    raise StaysHere(f"the initializer: {error}") from error
                self._in_image |= names
            image = self._fork.take_image(
                self._in_image, initializer, is_strict=self._terms.is_strict
            )
            shared = self._around.shared
            if shared is None:
                self._image = uuid.uuid4().hex, image
            else:
                payload = pickle.dumps(image, protocol=5)
                self._image = write_segment(shared, [memoryview(payload)]), None
            self._images.append(self._image[0])
            return self._image

    def _ask(
        self, name: str, image: Image | None, bundles: Sequence[Bundle]
    ) -> tasks.Report | None:
        """Have a worker run the calls, another one if it dies; None if they were stopped."""
        shared = self._around.shared
        try:
            client = self._around.engine.client()
        except OSError as error:
            raise StaysHere(f"no scheduler ({error})") from error
        is_over = threading.Event()
        with self._lock:
            if self._stopped.is_set():
                return None
            self._number += 1
            number = self._number
            mark = f"effect-{self.name}-{number}"
            future: Future = client.submit(
                tasks.run_calls,
                name,
                image,
                self.name,
                mark,
                bundles,
                str(shared) if shared else None,
                pure=False,  # no priority: all who use the workers take turns
                key=f"line {self.tally.line}-{self.name}-{number}",
                **self._around.engine.placement(),
            )
            self._running[number] = future, is_over
        future.add_done_callback(lambda _: is_over.set())
        try:
            is_over.wait()
            return None if self._stopped.is_set() else future.result()
        except CancelledError:
            return tasks.Report(broken="the task was cancelled on the cluster")
        except Exception as error:  # noqa: BLE001 - what distributed says of lost workers and links
            return tasks.Report(broken=f"a worker was lost ({type(error).__name__}: {error})")
        finally:
            with self._lock:
                self._running.pop(number, None)
            if shared is not None:
                (shared / mark).unlink(missing_ok=True)

    def _result(self, outcome: tasks.Outcome) -> Result:
        around = self._around
        try:
            value = unpack(outcome.value, around.namespace, around.shared)
        except Exception as error:  # noqa: BLE001 - loading runs the notebook's code
            return Result(error=error)
        finally:
            tasks.discard(outcome.value, around.shared)
        if outcome.status == "ok":
            return Result(value)
        if outcome.inputs is not None:
            around.note_failed(value, outcome.inputs)
        if outcome.traceback:
            value.__cause__ = _RemoteTraceback(_quoted(outcome.traceback))  # type: ignore[arg-type]
        return Result(error=value, lost=outcome.shown)

    def _show(self, done: int, failed: int) -> None:
        """Show how far the pool is, ten times a second at most."""
        with self._lock:
            before = self._progress
            self._progress = progress = replace(
                before,
                total=max(before.total, before.done + done),
                done=before.done + done,
                failed=before.failed + failed,
                running=len(self._running),
            )
            now = time.perf_counter()
            self.tally.seconds = now - self.tally.started
            if progress.done < progress.total and now - self._shown_at < _SHOW_EVERY_S:
                return
            self._shown_at = now
        self._around.outbox.send(EventKind.PROGRESS, progress.to_body())

    # -- ending ------------------------------------------------------------------------------

    def stop(self) -> None:
        """End what runs, as ``terminate()`` does; nothing runs after that."""
        stop_all([self])

    def abandon(self) -> list[Future]:
        """Wait for nothing any more; return the tasks that are to be ended."""
        with self._lock:
            self._stopped.set()
            running = list(self._running.values())
        for _, is_over in running:
            is_over.set()
        return [future for future, _ in running]

    def _close(self) -> None:
        """Let go of what the calls needed."""
        shared = self._around.shared
        self._terms.here.close()
        self._store.clear()
        self._fork = None  # it keeps alive what the notebook has let go
        if shared is not None:
            for name in self._images:
                drop_segment(shared, name)
        if self._images:
            self._around.engine.tell_workers(tasks.forget, self._images)


def stop_all(crews: Iterable[Crew]) -> None:
    """End what these crews run, and leave nothing at workers; returns at once."""
    for crew in crews:
        running = crew.abandon()
        if running:
            crew.engine.end_tasks(running, tasks.end, [crew.name])


def _quoted(traceback: str) -> str:
    """Return a traceback as plain pools show it."""
    return f'\n"""\n{traceback}"""'
