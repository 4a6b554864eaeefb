"""Facts of this runner's runs: made of what passes through the supervisor, and published.

The supervisor publishes them, not the shell: it sees requests, progress and outcomes go by, and no
cell can hold it up, not even one in native code or the first, before which the shell has no client.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_scale.model import stops
from jupyter_scale.model.facts import (
    TOPIC,
    LoopFact,
    RunFact,
    client_name,
    to_message,
)
from jupyter_scale.model.run import Inputs, first_line
from jupyter_scale.model.stops import ANSWERED, ASKED, StopAnswer, StopLoop
from jupyter_scale.model.stored import StoredRun
from jupyter_scale.shipping.ambient.places import is_place
from jupyter_scale.transport.tls import security

if TYPE_CHECKING:
    from distributed import Client

    from jupyter_scale.model.run import RunStatus

_EVERY_S = 0.25
_LOOK_S = 0.25
_FINISH_S = 0.5
_MOST_LOOPS = 20
_LONGEST_TRACEBACK = 4000
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def begin(body: Mapping[str, Any], session: str, request: int, now: float) -> RunFact:
    """Return the fact of a cell request that begins to run."""
    origin = body.get("origin") or {}
    return RunFact(
        id=origin.get("run") or f"{session}-{request}",
        seq=1,
        session=session,
        kernel_id=origin.get("kernel", ""),
        notebook=origin.get("notebook", ""),
        cell_id=origin.get("cell", ""),
        execution_count=body["execution_count"],
        first_line=first_line(body["source"]),
        status="running",
        started_at=now,
        is_detached=body.get("is_detached", False),
    )


def stored(fact: RunFact) -> StoredRun:
    """Return a run that begins, as the disk keeps it."""
    return StoredRun(
        id=fact.id,
        kernel_id=fact.kernel_id,
        notebook=fact.notebook,
        cell_id=fact.cell_id,
        execution_count=fact.execution_count,
        first_line=fact.first_line,
        status="running",
        started_at=fact.started_at,
        session=fact.session,
        is_detached=fact.is_detached,
    )


def advance(fact: RunFact, progress: Mapping[str, Any], now: float) -> RunFact:
    """Return the fact after a loop's progress; a loop is named by its line."""
    line, done, total = progress["line"], progress["done"], progress["total"]
    known = next((loop for loop in fact.loops if loop.line == line), None)
    is_same = known is not None and known.number == progress["loop"]
    if known is None or not is_same or known.total != total or done < known.done:
        before, started_at = done, now  # the first news of it, or it runs once more
    else:
        before, started_at = known.done_before, known.started_at
    rate = (done - before) / (now - started_at) if now > started_at else 0.0
    loop = LoopFact(
        line=line,
        number=progress["loop"],
        total=total,
        done=done,
        running=progress["running"],
        failed=progress["failed"],
        workers=progress["workers"],
        done_before=before,
        started_at=started_at,
        ends_at=now + (total - done) / rate if rate > 0 and total else None,
        rate_per_s=float(f"{rate:.3g}") if rate > 0 else None,
        speedup=progress.get("speedup") or None,
    )
    others = tuple(other for other in fact.loops if other.line != line)
    return replace(fact, seq=fact.seq + 1, loops=(*others, loop)[-_MOST_LOOPS:])


def finish_loop(fact: RunFact, number: int, *, is_whole: bool) -> RunFact:
    """Return the fact after the end of a loop; its cell goes on.

    Parameters
    ----------
    is_whole
        All its iterations are done.
    """
    loops = tuple(
        replace(
            loop,
            done=max(loop.done, loop.total) if is_whole else loop.done,
            running=0,
            ends_at=None,
            is_over=True,
        )
        if loop.number == number
        else loop
        for loop in fact.loops
    )
    return replace(fact, seq=fact.seq + 1, loops=loops)


def end(
    fact: RunFact, outcome: Mapping[str, Any], now: float, inputs: Sequence[Inputs] = ()
) -> RunFact:
    """Return the fact after the run's outcome; a run that is only asked for again goes on.

    Parameters
    ----------
    inputs
        What its loops and calls were at, if it failed.
    """
    status, error = ending(outcome)
    if status == "running":
        return fact
    traceback = _traceback(outcome) if status == "failed" else ""
    finished = {report["line"]: report["iterations"] for report in outcome["loops"]}
    loops = tuple(_ended(loop, finished, is_whole=status == "done") for loop in fact.loops)
    return replace(
        fact,
        seq=fact.seq + 1,
        status=status,
        ended_at=now,
        error=error,
        traceback=traceback,
        loops=loops,
        inputs=tuple(inputs) if status == "failed" else (),
    )


def _ended(loop: LoopFact, finished: Mapping[int, int], *, is_whole: bool) -> LoopFact:
    """Return a loop as it is once its cell has ended; it may have ended before."""
    total = finished.get(loop.line, loop.total)
    is_known = not is_whole or (loop.is_over and loop.total)
    done = loop.done if is_known else total
    return replace(loop, done=done, total=total, running=0, is_over=True, ends_at=None)


def _traceback(outcome: Mapping[str, Any]) -> str:
    """Return the end of what the notebook shows of a failure, without its colours."""
    lines = (outcome["error"] or {}).get("traceback") or ()
    return _ESCAPE.sub("", "\n".join(lines))[-_LONGEST_TRACEBACK:]


def ending(outcome: Mapping[str, Any]) -> tuple[RunStatus, str]:
    """Return a run's status after an outcome, and its error; "running": it is asked for again."""
    error = outcome["error"] or {}
    text = f"{error.get('ename', '')}: {error.get('evalue', '')}".strip(": ")[:500]
    match outcome["status"]:
        case "ok":
            return "done", ""
        case status if status == "resend" or any(map(is_place, outcome["stays"])):
            return "running", ""  # it is sent again, without what cannot be rebuilt
        case "unloadable":
            return "failed", f"it ran in the notebook: {' '.join(outcome['stays'].values())}"[:500]
        case _ if error.get("ename") == "KeyboardInterrupt" or "did not react" in text:
            return "interrupted", text
        case "died":
            return "lost", text
        case _:
            return "failed", text


class Publisher:
    """Sends the newest fact of each run to the scheduler, four times a second at most.

    Parameters
    ----------
    cluster_directory
        Where ``scheduler.json`` appears once the scheduler listens, and ``tls`` is.
    session
        Whose runs they are; the connection is named after it.
    on_stop
        Told what those who watch ask for.
    """

    def __init__(
        self, cluster_directory: Path, session: str, on_stop: Callable[[StopLoop], None]
    ) -> None:
        self._directory, self._session, self._on_stop = cluster_directory, session, on_stop
        self._answers: list[StopAnswer] = []
        self._client: Client | None = None
        self._waiting: dict[str, RunFact] = {}
        self._wake = asyncio.Event()

    def publish(self, fact: RunFact) -> None:
        """Take a fact; it waits for the scheduler if need be."""
        self._waiting[fact.id] = fact
        self._wake.set()

    def answer(self, answer: StopAnswer) -> None:
        """Answer whoever has asked."""
        self._answers.append(answer)
        self._wake.set()

    async def run(self) -> None:
        """Publish for as long as the scheduler lives."""
        await self._wake.wait()
        try:
            self._client = await self._connect()
            self._client.subscribe_topic(ASKED, self._take_asked)
            while self._client.status == "running":
                await self._wake.wait()
                # A short cell has begun and ended by then: it is told once, and not held up.
                if not self._answers:
                    await asyncio.sleep(_EVERY_S)
                self._wake.clear()
                await self._send(self._client)
        except Exception as error:  # noqa: BLE001 - cells must run, whoever may not watch them
            print(f"facts are not published any more: {error!r}", file=sys.stderr)  # noqa: T201

    async def finish(self) -> None:
        """Publish what waits, within a moment; who is not connected has nothing to say."""
        if self._client is not None:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_FINISH_S):
                    await self._send(self._client)

    async def _send(self, client: Client) -> None:
        answers, self._answers = self._answers, []
        for answer in answers:
            await client.log_event(ANSWERED, stops.to_message(answer))
        facts, self._waiting = self._waiting, {}
        if facts:
            await client.log_event(TOPIC, to_message(facts.values()))

    def _take_asked(self, event: tuple[float, Any]) -> None:
        stop = stops.from_message(event[1], StopLoop)
        if stop is not None:
            self._on_stop(stop)

    async def _connect(self) -> Client:
        from distributed import Client

        while True:
            with contextlib.suppress(OSError, ValueError):
                address = json.loads((self._directory / "scheduler.json").read_text())["address"]
                break
            await asyncio.sleep(_LOOK_S)
        client: Client = await Client(
            address,
            security=security(self._directory / "tls", "client"),
            asynchronous=True,
            set_as_default=False,
            direct_to_workers=False,
            name=client_name(self._session),
        )
        return client


class RunLog:
    """Follows the requests of one session and publishes what becomes of them."""

    def __init__(self, session: str, publisher: Publisher) -> None:
        self._session, self._publisher = session, publisher
        self._current: RunFact | None = None
        self._inputs: Sequence[Inputs] = ()

    def begin(self, request: int, body: Mapping[str, Any]) -> RunFact:
        """Note that a cell begins, and return its fact; one that is asked for again goes on."""
        fact = begin(body, self._session, request, time.time())
        if self._current is None or self._current.id != fact.id:
            self._set(fact)
            return fact
        return self._current

    def advance(self, progress: Mapping[str, Any]) -> None:
        """Note a loop's progress."""
        if self._current is not None:
            self._set(advance(self._current, progress, time.time()))

    def has_loop(self, run: str, number: int) -> bool:
        """Tell whether a run goes on, and a loop of it."""
        fact = self._current
        if fact is None or fact.id != run:
            return False
        return any(loop.number == number and not loop.is_over for loop in fact.loops)

    def finish_loop(self, number: int, *, is_whole: bool) -> None:
        """Note that a loop has ended."""
        if self._current is not None:
            self._set(finish_loop(self._current, number, is_whole=is_whole))

    def take_inputs(self, inputs: Sequence[Mapping[str, Any]]) -> None:
        """Note what the current cell was at when it raised: that comes before its outcome."""
        self._inputs = list(map(Inputs.from_wire, inputs))

    def end(self, outcome: Mapping[str, Any]) -> None:
        """Note how the current cell ended."""
        inputs, self._inputs = self._inputs, ()
        if self._current is not None:
            self._set(end(self._current, outcome, time.time(), inputs))
            if self._current.ended_at is not None:
                self._current = None

    def _set(self, fact: RunFact) -> None:
        self._current = fact
        self._publisher.publish(fact)
