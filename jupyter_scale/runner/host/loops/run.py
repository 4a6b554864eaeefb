"""One run of a loop: some iterations in place, then the rest on workers, or in order after all."""

from __future__ import annotations

import itertools
import time
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_scale.analysis.code import global_reads
from jupyter_scale.errors import IterationKilled
from jupyter_scale.model.messages import EventKind, LoopProgress
from jupyter_scale.runner.host.brief import describe
from jupyter_scale.runner.host.failing import Left
from jupyter_scale.runner.host.loops import batches
from jupyter_scale.runner.host.loops.captured import Terms
from jupyter_scale.runner.host.loops.captures import CannotSpreadError
from jupyter_scale.runner.host.loops.checks import (
    can_change,
    check_figures,
    check_items,
    check_reads,
    find_called_object,
)
from jupyter_scale.runner.host.loops.iterations import Logged, Values
from jupyter_scale.runner.host.loops.outcomes import reached, unpack_output, unpack_results
from jupyter_scale.runner.host.loops.parts import Part
from jupyter_scale.runner.host.loops.receivers import Targets, UnknownReceiverError, find_targets
from jupyter_scale.runner.host.loops.risks import arrange
from jupyter_scale.runner.host.loops.seeds import seed_iteration
from jupyter_scale.runner.host.loops.sources import Source, Taken
from jupyter_scale.runner.host.loops.speculation import Speculation
from jupyter_scale.runner.host.loops.workbench import Effects, Key, Workbench
from jupyter_scale.runner.host.recorded import Output, warned_so_far
from jupyter_scale.shipping.states import overwrite

#: An iteration that takes so long is not tried in place again once that is known.
_COARSE_S = 0.05
#: An iteration that takes so long does so whatever its inner loops cost.
_CLEAR_S = 0.001
#: So often all workers that had the captured values may be lost, before the guilty is sought.
_MOST_LOST = 2


@dataclass(slots=True)
class LoopRun:
    """One run of one loop.

    Parameters
    ----------
    bench
        What all loops share.
    line
        Where the loop is.
    function
        ``items → values``, or the body of a ``for`` loop.
    source
        Its items.
    effects
        For a ``for`` loop.
    seed
        From which each iteration's generators are derived, if they are to have their own.
    is_lazy
        Whoever wants the values may stop before the last one.

    Attributes
    ----------
    spread, workers
        How many iterations ran on workers, and on which.
    why
        Why it ran in order, if it did.
    failed
        Number and short form of an item with which the loop has ended, if its names do not hold it.
    number
        By which others know it, once they are told of it; 0 before.
    """

    bench: Workbench
    line: int
    function: types.FunctionType
    source: Source
    effects: Effects | None = None
    seed: int | None = None
    is_lazy: bool = False
    spread: int = 0
    workers: set[str] = field(default_factory=set)
    why: str = ""
    failed: tuple[int, str] | None = None
    number: int = 0
    _round: Speculation | None = None
    _previous: Part | None = None
    _left_over: Taken | None = None
    _is_done: bool = False
    _is_measured: bool = False
    _must_count: bool = False
    _each: float = 0.0

    def items(self) -> Iterator[Iterable[Any]]:
        """Yield the items of a ``for`` loop that run in place, some at a time.

        Meanwhile the others' effects are carried out.
        """
        for step in self._steps():
            yield self._carry_out(step) if isinstance(step, Part) else step

    def values(self) -> Iterator[Iterable[Any]]:
        """Yield the values of another loop, some at a time."""
        for step in self._steps():
            if isinstance(step, Part):
                yield self._released(step)
            else:
                yield self.function(step)

    def left_by(self, error: BaseException, kind: str) -> Left:
        """Return what is known of the iteration with which the loop was left before its end."""
        if self.failed is not None:
            return Left(kind, self.failed[0], id(error), self.failed[1])
        count = self.source.reached()
        return Left(kind, count - 1 if count else None)

    def _released(self, part: Part) -> Iterable[Any]:
        """Return a part's values; give what was written, and items their new content, in turn."""
        self.bench.replay(part.taken.prelude)
        given, patches = unpack_results(self.bench, part)
        assert isinstance(given, Values)  # noqa: S101 - a comprehension gives that
        assert part.outcome is not None  # noqa: S101 - it was released
        output = unpack_output(self.bench, part)
        if self.is_lazy:
            return self._one_by_one(part, given, output, patches)
        self.bench.replay(output)
        overwrite(patches)
        self.source.show(len(part.taken.items))
        return given.values

    def _one_by_one(
        self,
        part: Part,
        given: Values,
        output: Sequence[Output],
        patches: list[tuple[Any, Any]],
    ) -> Iterator[Any]:
        """Yield values; whoever stops asking has seen nothing of later iterations."""
        shown = taken = 0
        is_asking = False
        try:
            for value, (items, written) in zip(given.values, given.marks, strict=True):
                self.bench.replay(output[shown:written])
                self.source.show(items - taken)
                shown, taken = written, items
                is_asking = False
                yield value
                is_asking = True
            is_asking = True
        finally:
            if is_asking or not given.values:
                self.bench.replay(output[shown:])
                self.source.show(len(part.taken.items) - taken)
                overwrite(patches)
            else:
                overwrite(reached(patches, part.taken.items[:taken]))

    # -- what runs where ---------------------------------------------------------------------

    def _steps(self) -> Iterator[Part | Iterator[Any]]:
        """Yield, in order, items to run in place, and parts that ran on workers."""
        key = self._key()
        self.why = "--serial" if self.bench.is_serial else self.source.why
        if not self.why and not self.bench.is_trusted:
            self.why = self.bench.verdicts.get(key, "") or self._called_for_effect()
        if self.why:
            yield self._in_order()
            return
        self._each = self.bench.seconds_each.get(key, 0.0)
        must_try = self._each < _COARSE_S or (
            self.effects and self.effects.details.temporaries.deleted
        )
        if must_try:
            yield from self._probe()
            if self._is_done or not self._is_measured:
                return  # all is done, or whoever wanted the values has enough
            if self.why:
                yield self._in_order()
                return
            self.bench.seconds_each[key] = self._each
        try:
            yield from self._spread()
        except CannotSpreadError as decision:
            self.why = str(decision)
            if decision.is_lasting:
                self.bench.verdicts[key] = self.why
            self.bench.notes[f"the loop in line {self.line} ran in order: {self.why}"] = None
            yield self._in_order()
            return
        yield self._in_order()
        if self.why:  # it raised on a worker: here it should have done so, too
            self.bench.notes[f"the loop in line {self.line}: {self.why}"] = None

    def _key(self) -> Key:
        """Return what a verdict is remembered for: the loop's code, and that of what it calls."""
        code, namespace = self.function.__code__, self.bench.namespace
        called = (namespace.get(name) for name in sorted(global_reads(code)))
        return (code, *(f.__code__ for f in called if isinstance(f, types.FunctionType)))

    def _called_for_effect(self) -> str:
        called = () if self.effects is None else self.effects.details.called
        name = find_called_object(self.function, called)
        return name and f"it calls a method of {name!r} only for what that does"

    def _in_order(self) -> Iterator[Any]:
        source = self.source
        is_plain = self.seed is None and not source.has_bar and source.length is not None
        return source.uncounted() if is_plain and not self._must_count else self._counted()

    def _counted(self, number: int | None = None) -> Iterator[Any]:
        for item in itertools.islice(self.source, number):
            self._seed()
            yield item
            self.source.show(1)

    def _seed(self) -> None:
        if self.seed is not None:
            seed_iteration(self.seed, self.source.taken - 1)

    def _probe(self) -> Iterator[Iterator[Any]]:
        """Yield items to run in place until it is known that the rest is worth spreading."""
        source, clock = self.source, time.perf_counter
        is_plain = self.seed is None and not source.has_bar
        cost = batches.VALUE_COST_S if self.effects is None else batches.EFFECTS_COST_S
        started = begun = clock()
        size, first, entries, was_worth_it = 1, source.taken, self.bench.entries, False
        while not source.why:
            before = source.taken
            try:
                yield source.some(size) if is_plain else self._counted(size)
            finally:
                source.settle()
            if source.taken - before < size:
                break
            now = clock()
            self._each = (now - begun) / (source.taken - first)
            if now - begun >= batches.PROBE_S:
                # That inner loops were handed over may be most of what it took.
                is_clear = self.bench.entries == entries or self._each > _CLEAR_S
                is_worth_it = is_clear and batches.is_worth_spreading(
                    source.left, self._each, now - started, cost
                )
                # Short ones have to look so twice: another process may just have had the core.
                if is_worth_it and (was_worth_it or self._each > _CLEAR_S):
                    self._is_measured = True
                    return
                was_worth_it = is_worth_it
                begun, first, entries = now, source.taken, self.bench.entries
            size = batches.next_probe(size, self._each)
        if source.why:  # its generator turned out to be one that must not run ahead
            self._is_measured, self.why = True, source.why
            return
        self._is_done = True
        self.why = "too short to spread"

    # -- on workers --------------------------------------------------------------------------

    def _spread(self) -> Iterator[Part]:
        """Yield parts that ran on workers; what is left in the source has to run in order.

        Raises
        ------
        CannotSpreadError
            It has, and why.
        """
        # Here, and not for each loop: it asks every module. Iterations in place have warned by now.
        self.bench.warned = warned_so_far()
        workers = self._count_workers()
        targets, terms = self._targets()
        check_figures(self.function, self.bench.namespace, self.source)
        capture = self.bench.capturer.capture(self.function, terms)
        bound: tuple[str, ...] = ()
        if self.effects is not None:
            check_reads(self.effects, targets, capture)
            bound = self.effects.details.temporaries.names
        check_items(self.source, bound, targets, capture, self.bench.capturer)
        last: Part | None = None
        careful = lost = 0
        while True:
            round_ = Speculation(
                self.bench.engine,
                capture.captured,
                capture.known,
                self.source,
                self.bench.namespace,
                self.bench.shared,
                workers,
                self._each,
                [obj for obj in targets.objects if can_change(obj)],
                self._tell(workers),
                careful,
            )
            for part in self._parts_of(round_):
                last = part
                yield part
            self.workers |= round_.used
            end = round_.end
            if last is not None and not last.is_last:
                self._bind_before(last, len(last.taken.items))
            if end is None and not careful:
                return
            if end is not None and end.is_lost and lost < _MOST_LOST:
                lost += 1
                continue
            if end is not None and not (end.kills or end.is_lost):
                if end.is_raised:
                    self.why = f"it raised {end.why} on a worker, and not here"
                    self._must_count = True
                    return
                raise CannotSpreadError(end.why, is_lasting=end.is_lasting)
            if end is not None and careful:
                [item] = self.source.take(1).items
                self.failed = self.source.taken - 1, describe(item)
                raise IterationKilled(self.line, self.source.taken - 1, item)
            # Whose fault it was shows when they run one by one.
            careful = 0 if end is None else end.size

    def _parts_of(self, round_: Speculation) -> Iterator[Part]:
        """Yield the parts that count, and let the source go on after the last of them."""
        self._round = round_
        self.source.mark()
        for part in round_.run():
            self.spread += len(part.taken.items)
            yield part
        unused = self._left_over
        if unused is not None:
            self.spread -= len(unused.items)
            self.source.put_back(unused)
        if round_.end is not None:
            self.source.go_back()
        if unused is not None:
            raise CannotSpreadError(round_.end.why if round_.end else "")

    def _count_workers(self) -> int:
        left = self.source.left
        try:
            workers = self.bench.engine.count_workers(self._each * (left or 1))
        except OSError as error:
            msg = f"no scheduler ({error})"
            raise CannotSpreadError(msg, is_lasting=False) from error
        if workers < 2:  # noqa: PLR2004 - nobody to share with
            msg = "there is one worker only" if workers else "there is no worker"
            raise CannotSpreadError(msg, is_lasting=False)
        return workers

    def _targets(self) -> tuple[Targets, Terms]:
        trusted = self.bench.is_trusted
        if self.effects is None:
            return Targets(), Terms(seed=self.seed, is_trusted=trusted, is_combined=self.is_lazy)
        details = self.effects.details
        try:
            targets = find_targets(details.receivers, self.effects.roots)
        except UnknownReceiverError as error:
            raise CannotSpreadError(str(error)) from error
        names = details.temporaries
        if self.source.comes_from(obj for obj in targets.objects if can_change(obj)):
            msg = "it changes what it goes through"
            raise CannotSpreadError(msg)
        terms = Terms(
            targets.protocol, frozenset(names.names), names.conditional, self.seed, trusted
        )
        return targets, terms

    def _tell(self, workers: int) -> Callable[[int, int, int, float], None]:
        before = self.source.taken
        outbox, total, line = self.bench.outbox, self.source.length or 0, self.line
        self.number = number = self.number or self.bench.standing.begin()

        def tell(done: int, running: int, failed: int, speedup: float) -> None:
            progress = LoopProgress(
                number, line, total, before + done, workers, running, failed, round(speedup, 1)
            )
            outbox.send(EventKind.PROGRESS, progress.to_body())

        return tell

    # -- results -----------------------------------------------------------------------------

    def _carry_out(self, part: Part) -> Iterator[Any]:
        """Carry out the effects of some iterations; yield items that have to run here after all."""
        logged, patches = unpack_results(self.bench, part)
        assert isinstance(logged, Logged)  # noqa: S101 - a `for` loop's body gives that
        assert self.effects is not None  # noqa: S101 - so there are some
        assert part.outcome is not None  # noqa: S101 - it was released
        self.bench.replay(part.taken.prelude)
        output, items = unpack_output(self.bench, part), part.taken.items
        receivers = self.effects.details.receivers
        ends = [*logged.starts[1:], (len(logged.effects), len(output))]
        for number, (start, end) in enumerate(zip(logged.starts, ends, strict=True)):
            wanted = logged.effects[start[0] : end[0]]
            effects = arrange(wanted, receivers, self.effects.roots() if wanted else ())
            if effects is None:
                overwrite(reached(patches, items[:number]))
                self._bind_before(part, number)
                self._give_up(part, number)
                return
            done = 0
            try:
                for effect, operands in effects:
                    self.effects.apply(effect, operands)
                    done += 1
            except Exception:
                overwrite(reached(patches, items[:number]))
                self._bind_before(part, number)
                self.failed = part.first + number, describe(items[number])
                if done:
                    raise
                # Nothing of this iteration is done: in its place it fails again.
                yield items[number]
                self.failed = None
                patches = reached(patches, items[number + 1 :])
            self.bench.replay(output[start[1] : end[1]] if done or not effects else ())
            self.source.show(1)
        overwrite(patches)
        self.effects.bind(logged.values)
        self._previous = part

    def _bind_before(self, part: Part, number: int) -> None:
        """Bind what the iteration before one of a part leaves."""
        before = part if number else self._previous
        if self.effects is None or self._round is None or before is None:
            return
        logged = self._round.again(before, number or len(before.taken.items))
        if logged is not None:
            self.effects.bind(logged.values)

    def _give_up(self, part: Part, number: int) -> None:
        """Let the rest run in order, from an iteration of a part on."""
        assert self._round is not None  # noqa: S101 - the part is of one
        self._left_over = Taken(part.taken.items[number:], [])
        self._round.stop(part.number, "more than one of an iteration's effects may fail")
