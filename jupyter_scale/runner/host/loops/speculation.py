"""Iterations on workers, ahead of their turn: sent in batches, validated, given back in order.

Results of a batch may be used once its worker has shown that nothing changed which iterations have
in common. The first batch of which that is not true ends the speculation: what came before it
counts, and its items and all later ones go back to where they came from.
"""

from __future__ import annotations

import contextlib
import pickle
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_scale.runner.host.engine import Engine
from jupyter_scale.runner.host.loops import batches, worker
from jupyter_scale.runner.host.loops.captured import BatchOutcome, Captured
from jupyter_scale.runner.host.loops.iterations import Logged
from jupyter_scale.runner.host.loops.parts import End, Part
from jupyter_scale.runner.host.loops.pieces import ITEMS, Known, pack_piece, unpack_piece
from jupyter_scale.runner.host.loops.receivers import is_array, shares_memory
from jupyter_scale.runner.host.loops.sources import Source, Taken
from jupyter_scale.runner.host.loops.stopping import stop_iterations
from jupyter_scale.shipping.states import is_mutable_data

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as DaskFuture

    Future = DaskFuture[BatchOutcome]

#: Batches that may wait for their turn, beside those that run.
_MOST_WAITING = 256
_MOST_WAITING_BYTES = 512 * 1024**2
#: From so many unreleased batches on, each is checked at once.
_CHECK_ALL_FROM = 64
_FEW_BYTES = 64 * 1024
_MOST_SENT = 5
_SHARED = "several iterations change what their items share"


@dataclass(slots=True)
class Speculation:
    """One loop's iterations on workers.

    Parameters
    ----------
    engine, captured, known
        The workers; the values that the loop reads; what workers will know of them by reference.
    source
        Where items come from, and where unused ones go back to.
    namespace, shared
        The notebook's variables, and the directory of shared memory.
    workers
        How many there are.
    seconds_each
        How long an iteration takes, as far as is known.
    untouchable
        Objects that the loop changes: items may not lead to them.
    show
        Told ``(done, running, failed)`` iterations, and the speed-up, whenever that changes.
    careful
        Run so many iterations one by one, and no others; 0: all of them, in batches.
    """

    engine: Engine
    captured: Captured
    known: Known
    source: Source
    namespace: dict[str, Any]
    shared: Path | None
    workers: int
    seconds_each: float
    untouchable: Collection[Any]
    show: Callable[[int, int, int, float], None]
    careful: int = 0

    end: End | None = None
    used: set[str] = field(default_factory=set)
    _parts: deque[Part] = field(default_factory=deque)
    _count: int = 0
    _running: dict[Any, Part] = field(default_factory=dict)
    _unchecked: dict[str, list[Part]] = field(default_factory=dict)
    _valid: set[int] = field(default_factory=set)
    _owners: dict[int, int] = field(default_factory=dict)
    _changing: set[int] = field(default_factory=set)
    _is_over: bool = False
    _lost: list[Part] = field(default_factory=list)
    _round: str = field(default_factory=lambda: uuid.uuid4().hex)
    _seconds: float = 0.0
    _started: float = field(default_factory=time.monotonic)
    _finished: int = 0
    _timed: int = 0
    _timed_seconds: float = 0.0
    _waiting_bytes: int = 0
    _kept_alive: list[Any] = field(default_factory=list)

    def run(self) -> Iterator[Part]:
        """Yield validated parts in order; see `end` and the source for what is left."""
        from distributed import as_completed

        client = self.engine.client()
        try:
            # Every worker gets the values now: then none of them is the only one that has them.
            # Few of them travel with each task instead, and do so where one worker after the other
            # may die.
            captured: Any = pickle.dumps(self.captured, protocol=5)
            if len(captured) > _FEW_BYTES and not self.careful:
                [captured] = client.scatter([self.captured], broadcast=True, hash=False)
            arrivals = as_completed(loop=client.loop)  # it is nobody's default client
            while True:
                self._submit(client, captured, arrivals)
                yield from self._release()
                if self._is_awaited():
                    self._arrive(client, next(arrivals))
                elif not (
                    self._validate_rest(client) or self._send_again(client, captured, arrivals)
                ):
                    break
        except OSError as error:
            self.stop(0, f"the workers cannot be reached ({type(error).__name__})", lasts=False)
        except BaseException:
            self._is_over = True
            raise
        finally:
            self._clean_up(client)

    # -- sending -----------------------------------------------------------------------------

    def _submit(self, client: Client, captured: Any, arrivals: Any) -> None:
        while self.end is None and self._has_room():
            taken = self.source.take(self._next_size())
            if not taken.items:
                return
            part = self._pack(taken)
            if part is None:
                return
            must_check = part.number < 2 * self.workers or len(self._parts) > _CHECK_ALL_FROM
            self._send(client, captured, arrivals, part, must_check=must_check)
            self._tell()

    def _send(
        self, client: Client, captured: Any, arrivals: Any, part: Part, *, must_check: bool
    ) -> None:
        part.sent += 1
        part.future = client.submit(
            worker.run_batch,
            captured,
            part.piece,
            part.first,
            is_last=part.is_last,
            must_check=must_check,
            pure=False,
            # In the order of their coming: all who use the workers take turns. What was lost holds
            # up all that came after it.
            priority=int(part.sent > 1),
            key=f"iterations-{self._round}-{part.number}-{part.sent}",
            **self.engine.placement(),
        )
        self._running[part.future.key] = part
        arrivals.add(part.future)

    def _send_again(self, client: Client, captured: Any, arrivals: Any) -> bool:
        """Send what was lost with a worker; tell whether there was anything."""
        lost, self._lost = self._lost, []
        for part in lost:
            if part.sent >= _MOST_SENT:
                self.stop(part.number, "its workers were lost again and again", lasts=False)
            elif self.end is None or part.number < self.end.number:
                self._send(client, captured, arrivals, part, must_check=True)
        return bool(lost)

    def _has_room(self) -> bool:
        if self.careful:
            return not self._parts and self._count < self.careful
        if self._waiting_bytes > _MOST_WAITING_BYTES:
            return not self._running
        return len(self._running) < 2 * self.workers + 1 and len(self._parts) < _MOST_WAITING

    def _next_size(self) -> int:
        if self.careful or self._count < 2 * self.workers:
            # Changes that take each other back show only after a single iteration.
            return 1
        each = self._timed_seconds / self._timed if self._timed else self.seconds_each
        return batches.next_size(self.source.left, each, self.workers)

    def _pack(self, taken: Taken) -> Part | None:
        number, first = self._count, self.source.taken - len(taken.items)
        is_last = not self.source.has_more()
        try:
            piece, memo = pack_piece(taken.items, self.namespace, self.shared, self.known)
        except Exception as error:  # noqa: BLE001 - whatever user code in __reduce__ raises
            self.stop(number, f"an item cannot travel: {error}")
            self.source.put_back(taken)
            return None
        known = Known().add(ITEMS, memo.items())
        why = self._claim(number, known)
        part = Part(number, first, taken, piece, self.known.joined(known), is_last)
        self._count += 1
        self._parts.append(part)
        if why:
            self.stop(number, why)
            return None
        return part

    def _claim(self, number: int, known: Known) -> str:
        """Note which objects the items lead to; say why that is a hindrance."""
        forbidden = set(map(id, self.untouchable))
        arrays = [obj for obj in self.untouchable if is_array(obj)]
        for obj in known.objects():
            if self.known.reference(obj) is not None:
                continue
            if id(obj) in forbidden or shares_memory(obj, arrays):
                return f"an item leads to a {type(obj).__name__} that the loop changes"
            if not is_mutable_data(obj):
                continue
            owner = self._owners.setdefault(id(obj), number)
            if owner in self._changing:
                # It was packed as it is here, which perhaps is not what its turn would have met.
                return _SHARED
            if owner == number:
                self._kept_alive.append(obj)
            else:
                self._owners[id(obj)] = -1
        return ""

    # -- arriving ----------------------------------------------------------------------------

    def _is_awaited(self) -> bool:
        limit = self.end.number if self.end else self._count
        return any(part.number < limit for part in self._running.values())

    def _arrive(self, client: Client, future: Future) -> None:
        part = self._running.pop(future.key, None)
        if part is None or (self.end is not None and part.number >= self.end.number):
            return
        outcome = self._outcome(part, future)
        if outcome is None:
            self._cancel(client)
            return
        part.outcome = outcome
        if outcome.status != "ok":
            self._refuse(part, outcome)
            self._cancel(client)
            return
        self.used.add(outcome.worker)
        self._finished += len(part.taken.items)
        self._seconds += outcome.seconds
        if len(part.taken.items) > 1 or outcome.seconds > batches.PROBE_S:
            # Of a short single iteration it would be the time that measuring takes.
            self._timed += len(part.taken.items)
            self._timed_seconds += outcome.seconds
        if outcome.results is not None:
            self._waiting_bytes += outcome.results.nbytes
        if outcome.has_patches:
            self._changing.add(part.number)
            if any(self._owners.get(id(obj)) == -1 for obj in part.known.objects()):
                self.stop(part.number, _SHARED)
                self._cancel(client)
                return
        unchecked = self._unchecked.setdefault(outcome.worker, [])
        unchecked.append(part)
        if outcome.is_checked:
            self._valid.update(each.number for each in unchecked)
            unchecked.clear()
        self._tell()

    def _outcome(self, part: Part, future: Future) -> BatchOutcome | None:
        from distributed import KilledWorker

        try:
            outcome: BatchOutcome = future.result()
        except KilledWorker:
            size = len(part.taken.items)
            self.end = End(part.number, "its worker died", is_lasting=False, kills=True, size=size)
        except CancelledError as error:
            # All workers that had the captured values are gone.
            size, why = len(part.taken.items), f"workers were lost: {error}"
            self.end = End(part.number, why, is_lasting=False, is_lost=True, size=size)
        except Exception as error:  # noqa: BLE001 - our own, or the cluster's
            self.stop(part.number, f"a worker failed: {type(error).__name__}: {error}", lasts=False)
        else:
            return outcome
        return None

    def _refuse(self, part: Part, outcome: BatchOutcome) -> None:
        if outcome.status == "raised":
            self.stop(part.number, outcome.why, lasts=False)
            if self.end is not None and self.end.number == part.number:
                self.end.is_raised = True
        elif outcome.status == "interrupted":
            self.stop(part.number, "it was interrupted", lasts=False)
        elif outcome.status == "lost":
            # It may be what the last iteration leaves that cannot travel: in place it can stay.
            self.stop(part.number, f"a result cannot travel: {outcome.why}", lasts=not part.is_last)
        else:
            tainted = [each.number for each in self._unchecked.get(outcome.worker, ())]
            what = "it changes" if outcome.status == "changed" else "it has an outside effect,"
            self.stop(min([part.number, *tainted]), f"{what} {outcome.why}")

    def stop(self, number: int, why: str, *, lasts: bool = True) -> None:
        """End with what comes before a part, unless it ends earlier anyway."""
        if self.end is None or number < self.end.number:
            self.end = End(number, why, lasts)

    def _cancel(self, client: Client) -> None:
        """Cancel what does not count any more."""
        if self.end is None:
            return
        needless = [p for p in self._running.values() if p.number >= self.end.number]
        for part in needless:
            del self._running[part.future.key]  # type: ignore[union-attr]
        with contextlib.suppress(OSError):
            client.cancel([part.future for part in needless], force=True)

    def again(self, part: Part, iterations: int) -> Logged | None:
        """Run the first iterations of a part again for what they bind; None if that fails."""
        client = self.engine.client()
        piece, memo = pack_piece(
            part.taken.items[:iterations], self.namespace, self.shared, self.known
        )
        future = client.submit(
            worker.run_batch,
            pickle.dumps(self.captured, protocol=5),
            piece,
            part.first,
            is_last=True,
            must_check=False,
            pure=False,
            key=f"iterations-{self._round}-{part.number}-again-{iterations}",
            **self.engine.placement(),
        )
        outcome: BatchOutcome = future.result()
        if outcome.results is None:
            return None
        known = self.known.joined(Known().add(ITEMS, memo.items()))
        (logged, _), _ = unpack_piece(
            outcome.results, self.namespace, self.shared, known, is_last=True
        )
        return logged if isinstance(logged, Logged) else None

    # -- releasing ---------------------------------------------------------------------------

    def _release(self) -> Iterator[Part]:
        while self._parts:
            part = self._parts[0]
            is_refused = self.end is not None and part.number >= self.end.number
            if is_refused or part.number not in self._valid:
                return
            self._parts.popleft()
            self._valid.discard(part.number)
            if part.outcome is not None and part.outcome.results is not None:
                self._waiting_bytes -= part.outcome.results.nbytes
            yield part

    def _validate_rest(self, client: Client) -> bool:
        """Compare captured values where that was put off; tell whether anything was."""
        limit = self.end.number if self.end else self._count
        unsure = {
            address: [part for part in parts if part.number < limit]
            for address, parts in self._unchecked.items()
        }
        unsure = {address: parts for address, parts in unsure.items() if parts}
        if not unsure:
            return False
        verdicts = self._ask(client, list(unsure))
        for address, parts in unsure.items():
            verdict = verdicts.get(address)
            self._unchecked[address] = []
            if not isinstance(verdict, str):
                self._lost += parts
            elif verdict:
                self.stop(min(part.number for part in parts), f"it changes {verdict}")
            else:
                self._valid.update(part.number for part in parts)
        return not self._lost

    def _ask(self, client: Client, addresses: list[str]) -> dict[str, Any]:
        """Let workers compare captured values; those that are gone have no answer."""
        alive = set(client.scheduler_info(n_workers=-1)["workers"]).intersection(addresses)
        with contextlib.suppress(OSError, TimeoutError):
            answers: dict[str, Any] = client.run(
                worker.check, self.captured, workers=sorted(alive), on_error="return"
            )
            return answers
        return {}

    def _tell(self) -> None:
        running = sum(
            len(part.taken.items) for part in list(self._running.values())[: self.workers]
        )
        failed = sum(p.outcome is not None and p.outcome.status == "raised" for p in self._parts)
        elapsed = time.monotonic() - self._started
        self.show(self._finished, running, failed, self._seconds / elapsed if elapsed else 0.0)

    def _clean_up(self, client: Client) -> None:
        """Stop what runs, and give unused items back."""
        running = [part.future for part in self._running.values()]
        with contextlib.suppress(OSError):
            client.cancel(running, force=True)
            if running or self.end is not None:
                stop_iterations(client, self.captured.loop, is_over=self._is_over)
        unused = list(self._parts)
        self._parts.clear()
        for part in unused:
            part.piece.discard(self.shared)
            if part.outcome is not None and part.outcome.results is not None:
                part.outcome.results.discard(self.shared)
        for part in reversed(unused):
            self.source.put_back(part.taken)
