"""Puts the cluster under a cell's ready-made parallelism, and takes it away again."""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType, ModuleType
from typing import Protocol

from jupyter_scale.model.run import Inputs
from jupyter_scale.runner.host.engine import Engine
from jupyter_scale.runner.host.interactive import RunnerShell
from jupyter_scale.runner.host.loops.entry import LoopReport
from jupyter_scale.runner.host.pools import tasks
from jupyter_scale.runner.host.pools.crew import Crew, stop_all
from jupyter_scale.runner.host.pools.dask_default import DaskDefault
from jupyter_scale.runner.host.pools.executors import Executors
from jupyter_scale.runner.host.pools.processpools import ProcessPools
from jupyter_scale.runner.host.pools.terms import Surroundings, Tally, Terms
from jupyter_scale.runner.host.streams import Outbox
from jupyter_scale.shipping.ambient.ambience import Ambience
from jupyter_scale.shipping.ambient.modules import is_own_file

#: For so much work all workers of a cluster that is just starting are waited for.
_LONG_S = 10.0
#: So many calls that raised are remembered: the cell ends with one of the last.
_MOST_FAILED = 32
#: Whoever they call for is meant.
_TRANSPARENT = sys.stdlib_module_names | {"jupyter_scale"}


class _Part(Protocol):
    """One library's part."""

    def install(self) -> None:
        """Let what is made from now on use the cluster."""

    def remove(self) -> None:
        """Leave the library as it was."""


class Pools:
    """The ready-made parallelism of one shell's cells.

    Parameters
    ----------
    shell
        Where cells run.
    engine
        The cluster's workers.
    outbox
        Where progress goes.
    shared
        The directory for shared memory.
    ambience
        The process-wide state of the shell.
    """

    def __init__(
        self,
        shell: RunnerShell,
        engine: Engine,
        outbox: Outbox,
        shared: Path | None,
        ambience: Ambience,
    ) -> None:
        self._shell, self._engine = shell, engine
        self._around = Surroundings(
            engine, outbox, ambience, shell.user_ns, shared, self._take_note, self._take_failed
        )
        self._pid = os.getpid()
        self._notes: list[str] = []
        self._tallies: list[Tally] = []
        self._failed: deque[tuple[BaseException, Inputs]] = deque(maxlen=_MOST_FAILED)
        self._workers = 0
        self._alive: weakref.WeakSet[Crew] = weakref.WeakSet()
        self._interrupts: queue.SimpleQueue[list[Crew]] = queue.SimpleQueue()
        executors = Executors(self._make_crew)
        local = executors.local_processes
        self._parts: list[_Part] = [executors, ProcessPools(self._make_crew, local)]
        self._is_on = False
        self._dask: DaskDefault | None = None
        self._waits_for: dict[str, Callable[[ModuleType], _Part]] = {
            "joblib.parallel": self._make_joblib,
            "dask.base": self._make_dask,
        }
        for name in self._waits_for:
            ambience.when_imported(name, self._add)
        name = "jupyter-scale interrupts"
        threading.Thread(target=self._end_on_interrupt, name=name, daemon=True).start()

    @contextlib.contextmanager
    def armed(self, *, is_on: bool) -> Iterator[None]:
        """Let cells that run meanwhile use the cluster."""
        self._notes, self._tallies, self._workers = [], [], 0
        self._failed.clear()
        if not is_on:
            yield
            return
        for name in list(self._waits_for):
            if name in sys.modules:
                self._waits_for[name](sys.modules[name])
        for part in self._parts:
            part.install()
        self._is_on = True
        try:
            yield
        finally:
            self._is_on = False
            for part in self._parts:
                part.remove()

    def take_notes(self) -> list[str]:
        """Return what the user should know of the last cell's pools."""
        return self._notes

    def take_failed(self) -> dict[int, Inputs]:
        """Return ``id(exception) → what the call was given`` of the last calls that raised."""
        failed = {id(error): inputs for error, inputs in self._failed}
        self._failed.clear()
        return failed

    def take_reports(self) -> list[LoopReport]:
        """Return what became of the last cell's pools."""
        lines: dict[int, list[Tally]] = {}
        for tally in self._tallies:
            if tally.calls:
                lines.setdefault(tally.line, []).append(tally)
        return [_report(tallies) for tallies in lines.values()]

    @property
    def had_effect(self) -> bool:
        """Whether a task of the last cell changed something outside."""
        return any(tally.had_effect for tally in self._tallies)

    def interrupt(self) -> None:
        """End what pools run at workers; a signal handler may call this."""
        self._interrupts.put(list(self._alive))

    # -- crews -------------------------------------------------------------------------------

    def _make_crew(self, terms: Callable[[int], Terms]) -> Crew | None:
        """Return a crew for a pool of the cell that runs; None if it is to be a plain one."""
        if not self._is_on or os.getpid() != self._pid:
            return None
        workers = self._count_workers()
        if not workers:
            return None
        agreed = terms(workers)
        if agreed.is_strict and (library := _calling_library()):
            # A usual trick: functions of the library read what it has set in its own modules.
            whose = f"{agreed.what} of {library!r}"
            self._take_note(f"{whose} used processes of its own: it may share state with them")
            return None
        crew = Crew(self._around, agreed, self._line())
        self._tallies.append(crew.tally)
        self._alive.add(crew)
        return crew

    def _count_workers(self) -> int:
        """Return how many workers the cell can have; asked for once, as libraries do so often."""
        if not self._workers:
            try:
                present = self._engine.count_workers(_LONG_S)
            except OSError as error:
                self._take_note(f"pools used processes of their own: no scheduler ({error})")
                return 0
            # One that was killed comes back.
            self._workers = max(present, self._engine.wanted_workers())
        return self._workers

    def _take_note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)

    def _take_failed(self, error: BaseException, inputs: Inputs) -> None:
        self._failed.append((error, inputs))

    def _line(self) -> int:
        """Return the line of the cell that is being run, 0 in a thread of the cell's."""
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to one's caller
        while frame is not None:
            if frame.f_code.co_filename == self._shell.compiler.code_name:
                return frame.f_lineno
            frame = frame.f_back
        return 0

    # -- libraries ---------------------------------------------------------------------------

    def _add(self, module: ModuleType) -> None:
        """Take in a library that the cell has just imported."""
        if self._is_on and module.__name__ in self._waits_for:
            self._waits_for[module.__name__](module).install()

    def _make_joblib(self, parallel: ModuleType) -> _Part:
        from jupyter_scale.runner.host.pools.joblib_backend import JoblibDefault

        return self._keep(parallel, JoblibDefault(parallel, self._make_crew, self._count_workers))

    def _make_dask(self, base: ModuleType) -> _Part:
        self._dask = DaskDefault(base, self._engine)
        return self._keep(base, self._dask)

    def _keep(self, module: ModuleType, part: _Part) -> _Part:
        del self._waits_for[module.__name__]
        self._parts.append(part)
        return part

    # -- interrupts --------------------------------------------------------------------------

    def _end_on_interrupt(self) -> None:
        while True:
            stop_all(self._interrupts.get())
            if self._dask is not None and self._dask.is_used:
                self._engine.end_tasks([], tasks.end, [])


def _calling_library() -> str:
    """Return the installed package whose code makes or uses a pool; empty if it is the user's."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to one's caller
    while frame is not None:
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if package not in _TRANSPARENT:
            is_users = package == "__main__" or is_own_file(frame.f_code.co_filename)
            return "" if is_users else package
        frame = frame.f_back
    return ""


def _report(tallies: Sequence[Tally]) -> LoopReport:
    """Return what became of the pools of one line."""
    return LoopReport(
        tallies[0].line,
        sum(tally.calls for tally in tallies),
        sum(tally.spread for tally in tallies),
        max(tally.size if tally.spread else 0 for tally in tallies),
        next((tally.why_here for tally in tallies if tally.why_here), ""),
        sum(tally.seconds for tally in tallies),
    )
