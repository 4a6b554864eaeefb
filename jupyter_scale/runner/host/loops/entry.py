"""The entry of loops that may spread, and what the shell knows of them.

The serial run is the truth. What workers computed is used only as far as they show that nothing
changed which iterations have in common; from there on the loop goes on in order, in this process,
and a note says why.
"""

from __future__ import annotations

import contextlib
import operator
import threading
import time
import types
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, fields
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_scale.analysis.forloops import ForDetails
from jupyter_scale.analysis.rewrite import MAKE
from jupyter_scale.runner.host.engine import Engine
from jupyter_scale.runner.host.failing import LeftLoops
from jupyter_scale.runner.host.frames import with_plain_names
from jupyter_scale.runner.host.loops.captures import Capturer
from jupyter_scale.runner.host.loops.iterations import ENTRY, asleep, finished, install
from jupyter_scale.runner.host.loops.rewriting import LoopRewriter
from jupyter_scale.runner.host.loops.run import LoopRun
from jupyter_scale.runner.host.loops.seeds import Generators, loop_seed
from jupyter_scale.runner.host.loops.sources import Source
from jupyter_scale.runner.host.loops.standing import Standing
from jupyter_scale.runner.host.loops.workbench import Effects, Workbench
from jupyter_scale.runner.host.streams import Outbox
from jupyter_scale.shipping.ambient.ambience import Ambience

if TYPE_CHECKING:
    from jupyter_scale.runner.host.interactive import RunnerShell

#: A loop that was short so many times in a cell is left alone, unless there is more to do.
_SHORT_RUNS = 8
_SHORT_S = 0.0005
#: After so many times more, the cell does not even ask.
_LEFT_ALONE = 100
#: So few iterations of an outer loop are not enough for the workers: the inner one spreads, too.
_FEW = 8


@dataclass(frozen=True, slots=True)
class SpreadOptions:
    """What the user asked for.

    Attributes
    ----------
    is_on
        Loops may spread.
    is_trusted
        The user vouches that iterations are independent: nothing is compared.
    seed_each
        Every iteration gets generators of its own.
    """

    is_on: bool = True
    is_trusted: bool = False
    seed_each: bool = False


@dataclass(frozen=True, slots=True)
class LoopReport:
    """What became of one loop, all its runs in the cell together.

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

    def joined(self, later: LoopReport) -> LoopReport:
        """Return the report of this run and a later one."""
        spread = self.spread + later.spread
        return LoopReport(
            self.line,
            self.iterations + later.iterations,
            spread,
            max(self.workers, later.workers),
            later.why or self.why,
            self.seconds + later.seconds,
        )


@dataclass(slots=True)
class _Site:
    """What is known of one loop in the code, within a cell."""

    code: types.CodeType
    short_runs: int = 0
    longest: int = 0
    left_alone: int = 0


class Spreader:
    """Runs the loops of one shell's cells on the workers.

    Parameters
    ----------
    shell
        Where the cells run.
    engine
        The cluster's workers.
    outbox
        Where output and progress go.
    shared
        The directory for shared memory.
    ambience
        The process-wide state of the shell.
    standing
        Which loops go on.
    """

    def __init__(
        self,
        shell: RunnerShell,
        engine: Engine,
        outbox: Outbox,
        shared: Path | None,
        ambience: Ambience,
        standing: Standing,
    ) -> None:
        self._shell = shell
        self.ambience = ambience
        self.rewriter = LoopRewriter(shell, ENTRY)
        namespace = shell.user_ns
        capturer = Capturer(namespace, shell.compile._filename_map, ambience, shared)  # noqa: SLF001
        self._bench = Workbench(namespace, engine, capturer, outbox, shared, standing)
        self._options = SpreadOptions()
        self._reports: dict[int, LoopReport] = {}
        self._sites: dict[int, _Site] = {}
        self._left: LeftLoops = {}
        self._is_seeding = False
        install(self._enter)

    def confine(self, nodes: Collection[str], *, with_gpu: bool) -> None:
        """Spread over some workers only; see `Engine.confine`."""
        self._bench.engine.confine(nodes, with_gpu=with_gpu)

    @contextlib.contextmanager
    def armed(self, options: SpreadOptions) -> Iterator[None]:
        """Hand the loops of cells that run meanwhile to this spreader."""
        self._options = options
        self._reports, self._sites, self._left = {}, {}, {}
        asleep.clear()
        self._bench.notes, self._bench.is_trusted = {}, options.is_trusted
        self._bench.is_serial, self._is_seeding = not options.is_on, False
        if not (options.is_on or options.seed_each):
            yield
            return
        transformers = self._shell.ast_transformers
        transformers.append(self.rewriter)
        try:
            yield
        finally:
            self._options = SpreadOptions(is_on=False)
            with contextlib.suppress(ValueError):  # IPython drops one that fails
                transformers.remove(self.rewriter)

    def take_reports(self) -> list[LoopReport]:
        """Return what became of the last cell's loops."""
        return list(self._reports.values())

    def take_notes(self) -> list[str]:
        """Return what the user should know of the last cell's loops."""
        return list(self._bench.notes)

    def take_left(self) -> LeftLoops:
        """Return the last cell's loops that were left before their end."""
        left, self._left = self._left, {}
        return left

    def _enter(
        self,
        function: types.FunctionType,
        iterable: Iterable[Any],
        place: tuple[Any, ...],
        pairs: Callable[[Iterable[Any]], Iterable[Any]] | None = None,
        flat: types.FunctionType | None = None,
    ) -> Any:
        """Return what a comprehension gives, or what a ``for`` loop goes through in place."""
        line, kind, is_named, details, name = place
        self._bench.entries += 1
        if details is not None:
            function.__globals__.pop(MAKE, None)
        code = function.__code__
        if self._left:
            self._left.pop((code.co_filename, line), None)
        site = self._sites.get(id(code))
        if site is None:
            site = self._sites[id(code)] = _Site(code)
        seeds = self._options.seed_each
        is_short = site.short_runs >= _SHORT_RUNS and _length(iterable) <= site.longest
        if is_short and not seeds and name:
            site.left_alone += 1
            if site.left_alone > _LEFT_ALONE:
                asleep.add(name)
        if (is_short and not seeds) or not self._is_for_us(iterable):
            return finished(kind, function(iterable)) if details is None else iterable
        seed = loop_seed() if seeds else None
        if pairs is not None and flat is not None and 0 < _length(iterable) < _FEW:
            function, iterable = flat, pairs(iterable)
        source = Source(iterable, self._bench.replay, is_shared=is_named)
        if details is None:
            function = with_plain_names(function, kind)
            is_lazy = kind != "list comprehension"
            run = LoopRun(self._bench, line, function, source, None, seed, is_lazy)
            return finished(kind, chain.from_iterable(self._watched(run, site, kind, run.values())))
        body, apply, bind, roots = function()
        effects = Effects(ForDetails.from_constant(details), apply, bind, roots)
        run = LoopRun(self._bench, line, with_plain_names(body), source, effects, seed)
        return chain.from_iterable(self._watched(run, site, kind, run.items()))

    def _is_for_us(self, iterable: Iterable[Any]) -> bool:
        if threading.current_thread() is not threading.main_thread():
            return False
        # Workers run plain code: loops inside a seeded one draw from its iterations' generators.
        is_wanted = self._options.is_on or self._options.seed_each
        return is_wanted and not self._is_seeding and hasattr(type(iterable), "__iter__")

    def _watched(
        self, run: LoopRun, site: _Site, kind: str, steps: Iterator[Iterable[Any]]
    ) -> Iterator[Iterable[Any]]:
        """Yield what a run does, and report on it."""
        started = time.perf_counter()
        self._is_seeding = run.seed is not None
        generators = Generators() if self._is_seeding else None
        standing, is_whole = self._bench.standing, True
        try:
            yield from steps
        except BaseException as error:
            is_whole = False
            standing.leave(run.number)
            steps.close()  # type: ignore[attr-defined]
            self._left[site.code.co_filename, run.line] = run.left_by(error, kind)
            raise
        finally:
            standing.leave(run.number)
            steps.close()  # type: ignore[attr-defined]
            self._is_seeding = False
            if generators is not None:
                generators.restore()
            run.source.close()
            self._report(run, site, time.perf_counter() - started)
            standing.end(run.number, is_whole=is_whole)

    def _report(self, run: LoopRun, site: _Site, seconds: float) -> None:
        iterations = run.source.taken if run.source.length is None else run.source.length
        if seconds < _SHORT_S:
            site.short_runs += 1
            site.longest = max(site.longest, iterations)
        report = LoopReport(run.line, iterations, run.spread, len(run.workers), run.why, seconds)
        earlier = self._reports.get(run.line)
        self._reports[run.line] = earlier.joined(report) if earlier else report


def _length(iterable: Iterable[Any]) -> int:
    try:
        return operator.length_hint(iterable)
    except Exception:  # noqa: BLE001 - of the user's own
        return 0
