"""The runs of one session as they go on: in memory while its notebook listens, else on disk.

A short run of a notebook that is there costs nothing: it is written only when it lasts, or when
nobody listens. When its notebook has acknowledged the end, what was written is given back.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jupyter_scale.archive.archive import Archive, OutputFile
from jupyter_scale.model.messages import EventKind
from jupyter_scale.model.run import RunStatus
from jupyter_scale.model.stored import StoredRun
from jupyter_scale.transport.lifeline import current_owner

#: A run that lasts so long is written down, whoever listens.
_LASTS_S = 1.0
_TELL_S = 1.0
#: What a run showed takes so much at most; what follows is left out.
_MOST_OUTPUT_BYTES = 200 * 1000**2
_SHOWN = frozenset(
    {
        EventKind.STREAM, EventKind.DISPLAY, EventKind.CLEAR, EventKind.RESULT, EventKind.ERROR,
        EventKind.NOTE,
    }
)  # fmt: skip


@dataclass(slots=True)
class _Current:
    """The run that goes on: what it showed waits here until it is written down."""

    run: StoredRun
    waiting: list[dict[str, Any]] = field(default_factory=list)
    output: OutputFile | None = None
    timer: asyncio.TimerHandle | None = None
    is_cut: bool = False
    told_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that has ended, and that its notebook has not acknowledged.

    Attributes
    ----------
    event
        The number of the event that told of its end.
    run
        As it ended.
    waiting
        What it showed; None when that is on disk.
    """

    event: int
    run: StoredRun
    waiting: Sequence[Mapping[str, Any]] | None


class Spool:
    """Follows one session's runs.

    Parameters
    ----------
    archive
        Where they are kept.
    session
        Whose they are.
    keep_for_s
        For how long at most.

    Attributes
    ----------
    address
        Where the session's runner listens.
    """

    def __init__(self, archive: Archive, session: str, keep_for_s: float) -> None:
        self.archive, self._session, self._keep_for_s = archive, session, keep_for_s
        self.address, self._process = "", str(current_owner())
        self._current: _Current | None = None
        self._ended: dict[str, Ended] = {}
        #: ``run → the event that told of its end``, of those that are on disk with their results.
        self._kept: dict[str, int] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing runs, and nothing waits for a notebook."""
        if self._current is not None or self._ended:
            return False
        own = (run for run in self.archive.runs() if run.session == self._session)
        return not any(run.is_waiting for run in own)

    @property
    def unacknowledged(self) -> list[Ended]:
        """Runs that have ended, and of which nobody has heard or kept anything."""
        return list(self._ended.values())

    # -- while a run goes on -----------------------------------------------------------------

    def begin(self, run: StoredRun, *, is_alone: bool) -> None:
        """Note that a run begins.

        Parameters
        ----------
        is_alone
            Nobody listens.
        """
        current = self._current = _Current(
            replace(
                run,
                runner=self.address,
                process=self._process,
                is_attended=not (is_alone or run.is_detached),
            )
        )
        if is_alone or run.is_detached:
            self.write_down()
        else:
            loop = asyncio.get_running_loop()
            current.timer = loop.call_later(_LASTS_S, self.write_down)

    def attend(self, *, is_attended: bool) -> None:
        """Note whether the notebook listens; what goes on while nobody does is written down."""
        current = self._current
        if current is None:
            return
        current.run = replace(current.run, is_attended=is_attended)
        if current.output is not None:
            self._write(current.run)
        elif not is_attended:
            self.write_down()

    def write_down(self) -> None:
        """Have on disk what goes on: it lasts, or nobody listens any more."""
        current = self._current
        if current is None or current.output is not None:
            return
        with _disk():
            self.archive.prune(self._keep_for_s)
            self.archive.write(current.run)
            current.output = OutputFile(self.archive.output_path(current.run.id))
            current.output.write(current.waiting)
            current.waiting = []

    def take(self, kind: EventKind, body: Mapping[str, Any]) -> None:
        """Take what the run shows."""
        current = self._current
        if current is None or kind not in _SHOWN or current.is_cut:
            return
        event = {"kind": kind.value, "body": dict(body), "at": time.time()}
        if current.output is None:
            current.waiting.append(event)
            return
        if current.output.nbytes > _MOST_OUTPUT_BYTES:
            current.is_cut = True
            text = f"what follows is not kept: the run has shown {_MOST_OUTPUT_BYTES / 1e6:.0f} MB"
            event = {"kind": EventKind.NOTE.value, "body": {"text": text}, "at": time.time()}
        with _disk():
            current.output.write([event])

    def advance(self, done: int, total: int) -> None:
        """Take note of a loop's progress; it is written down now and then."""
        current = self._current
        if current is None:
            return
        current.run = replace(current.run, loop_done=done, loop_total=total)
        if current.output is not None and time.monotonic() > current.told_at + _TELL_S:
            current.told_at = time.monotonic()
            self._write(current.run)

    def end(
        self, event: int, status: RunStatus, error: str, notes: Sequence[str] = ()
    ) -> Ended | None:
        """Note how the run ended, which the event of that number tells; return it."""
        current = self._stop()
        if current is None:
            return None
        run = replace(
            current.run, status=status, error=error, ended_at=time.time(), notes=tuple(notes)
        )
        waiting: Sequence[Mapping[str, Any]] | None = current.waiting
        if current.output is not None:
            run, waiting = replace(run, output_bytes=current.output.nbytes), None
            self._write(run)
        ended = self._ended[run.id] = Ended(event, run, waiting)
        return ended

    def forget(self) -> None:
        """Forget the run that goes on: it is asked for again, or runs elsewhere."""
        current = self._stop()
        if current is not None and current.output is not None:
            self.archive.remove(current.run.id)

    def _stop(self) -> _Current | None:
        current, self._current = self._current, None
        if current is not None:
            if current.timer is not None:
                current.timer.cancel()
            if current.output is not None:
                with _disk():
                    current.output.close()
        return current

    def _write(self, run: StoredRun) -> None:
        with _disk():
            self.archive.write(run)

    # -- after it ----------------------------------------------------------------------------

    def acknowledge(self, event: int) -> None:
        """Note that the notebook has seen all events up to that number: it has what they told."""
        heard = [ended for ended in self._ended.values() if ended.event <= event]
        for ended in heard:
            if ended.run.is_detached:
                continue  # whoever sent it has only seen that it ended
            del self._ended[ended.run.id]
            if ended.waiting is None:
                self._note_fetched(ended.run.id)
        for run in [run for run, number in self._kept.items() if number <= event]:
            del self._kept[run]
            self._note_fetched(run)

    def _note_fetched(self, run: str) -> None:
        with _disk():
            self.archive.note_fetched(run)

    def keep(self, ended: Ended, results: Mapping[str, Any]) -> list[StoredRun]:
        """Write down a run that nobody has acknowledged; return those that had to go for it.

        Parameters
        ----------
        results
            What was written of what it left: ``names``, ``nbytes`` and ``stays``; if its process
            lives, also ``folder`` and ``files``.
        """
        run = replace(
            ended.run,
            is_brief=ended.waiting is not None,
            is_kept=True,
            names=tuple(results["names"]),
            result_bytes=results["nbytes"],
            stays=dict(results["stays"]),
            folder=results.get("folder", ""),
            files=tuple((path, size, mode) for path, size, mode in results.get("files", ())),
        )
        is_wanted = self._ended.pop(run.id, None) is not None
        with _disk():
            if ended.waiting is not None:
                output = OutputFile(self.archive.output_path(run.id))
                output.write(ended.waiting)
                output.close()
                run = replace(run, output_bytes=output.nbytes)
            self.archive.write(run, sync=True)
            if is_wanted and not run.is_detached:
                self._kept[run.id] = ended.event
            elif not run.is_detached:
                self.archive.note_fetched(run.id)  # it was acknowledged meanwhile
            return self.archive.make_room(spare=run.id)
        return []


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    """Go on when the disk is full, or gone: cells need it only when their notebook is away."""
    try:
        yield
    except OSError as error:
        print(f"what cells leave cannot be kept: {error}", file=sys.stderr)  # noqa: T201
