"""The supervisor: link, event log, signals and the shell's life. No user code runs here.

So a cell that holds the GIL blocks neither the link nor the interrupt, and the death of the shell
can be told.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_scale.archive.archive import Archive
from jupyter_scale.errors import ProtocolError
from jupyter_scale.model.messages import (
    Attach,
    Beat,
    Cancel,
    CellOutcome,
    EventKind,
    Message,
    Request,
    RequestKind,
    from_wire,
    to_wire,
)
from jupyter_scale.model.stops import StopLoop
from jupyter_scale.runner.host.away.spool import Ended, Spool
from jupyter_scale.runner.host.facts import Publisher, RunLog, ending, stored
from jupyter_scale.runner.host.link import MessageLink
from jupyter_scale.runner.host.shells import First, Options, Shell
from jupyter_scale.runner.host.stops import Stops
from jupyter_scale.runner.liveness import Liveness
from jupyter_scale.runner.protocol import Action, Responder, Send, Start
from jupyter_scale.transport.presence import sign
from jupyter_scale.transport.processes import kill_descendants
from jupyter_scale.transport.secure import notice_silence
from jupyter_scale.transport.tls import context

_BUSY_AFTER_S = 0.25
#: A notebook that listens says within so long that it has seen how its cell ended.
_HEARD_S = 5.0
_LOOK_DESERTED_S = 2.0
#: A notebook that was silent for so many beats is away; it notices a dead link before that.
_MOST_MISSED = 12


class Supervisor:
    """Serves one session and keeps one shell process.

    Parameters
    ----------
    options
        Where its files are.
    first
        A shell process that runs already.
    keep_for_s
        For how long what runs leave is kept.
    """

    def __init__(self, options: Options, first: First | None, keep_for_s: float) -> None:
        self._options, self._first, self._keep_for_s = options, first, keep_for_s
        self._responder = Responder(uuid.uuid4().hex)
        self._link: MessageLink | None = None
        self._shell: Shell | None = None
        self._current: Request | None = None
        self._has_begun = False
        self._is_unwanted = False
        self._waiting: list[Request] = []
        self._retried = -1
        self._killed = ""
        # The node's keeper counts a runner as busy while this file is there.
        self._busy = options.directory / "busy"
        self._is_marked = False
        self._unmarking: asyncio.TimerHandle | None = None
        self._publisher = Publisher(options.cluster_directory, options.session, self._take_stop)
        self._runs = RunLog(options.session, self._publisher)
        self._stops = Stops(self._publisher.answer)
        self._spool = Spool(Archive(options.cluster_directory), options.session, keep_for_s)
        #: What the shell says to nobody else.
        self._asides: dict[str, Callable[[Any], None]] = {
            "inputs": self._runs.take_inputs,
            "kept": self._kept,
            "loop over": self._loop_over,
            "stopped": self._stops.answered,
        }
        #: A run whose results the shell is writing to disk.
        self._keeping: Ended | None = None
        self._has_served = False

    async def start(self) -> str:
        """Listen and start the shell; return the address for the session."""
        tls = context(self._options.cluster_directory / "tls", "worker", is_server=True)
        self._server = await asyncio.get_running_loop().create_server(
            lambda: MessageLink(self._from_session, self._lost_session), "127.0.0.1", 0, ssl=tls
        )
        jobs = (self._keep_shell(), self._publisher.run())
        self._tasks = [asyncio.create_task(job) for job in jobs]
        host, port = self._server.sockets[0].getsockname()
        self._spool.address = f"tls://{host}:{port}"
        return self._spool.address

    # -- the link ----------------------------------------------------------------------------

    def _from_session(self, link: MessageLink, wire: dict[str, Any]) -> None:
        """Take a message of whoever has connected."""
        try:
            if self._receive(link, from_wire(wire)):
                return
        except ProtocolError as error:
            print(f"closing the link: {error}", file=sys.stderr)  # noqa: T201 - the runner's log
        link.close()

    def _receive(self, link: MessageLink, message: Message) -> bool:
        """Take a message; False when the connection is not, or no longer, the session's."""
        if isinstance(message, Cancel):
            self._cancel(message.run)
            return False
        if isinstance(message, Attach):
            if message.session != self._options.session or self._responder.is_outdated(message):
                return False
            self._take_over(link, message.beat_s)
        if self._link is not link:
            return False  # a newer connection has taken over
        if isinstance(message, Beat):
            return True
        self._perform(self._responder.received(message))
        self._spool.acknowledge(self._responder.acknowledged)
        return True

    def _take_over(self, link: MessageLink, beat_s: float) -> None:
        """Let a connection be the session's; whatever was it before is not any more."""
        before, self._link, self._has_served = self._link, link, True
        if before is not None:
            before.close()
        self._spool.attend(is_attended=True)
        notice_silence(link.socket)
        if beat_s:
            self._beat_later(link, beat_s, Liveness(_MOST_MISSED))

    def _beat_later(self, link: MessageLink, beat_s: float, liveness: Liveness) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(beat_s, self._beat, link, beat_s, liveness)

    def _beat(self, link: MessageLink, beat_s: float, liveness: Liveness) -> None:
        """Say again and again that this runner is there; hang up where nobody is heard."""
        if self._link is not link:
            return
        if liveness.look(link.received_bytes):
            link.send(to_wire(Beat(link.received_bytes)))
            self._beat_later(link, beat_s, liveness)
        else:
            link.close()

    def _lost_session(self, link: MessageLink) -> None:
        if self._link is link:
            self._link = None
            self._perform(self._responder.disconnected())
            self._spool.attend(is_attended=False)
            self._next()

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                # What cannot be written is sent again after the next attach.
                if self._link is not None:
                    self._link.send(to_wire(action.message))
            elif isinstance(action, Start):
                self._begin(action.request)

    def _emit(self, request: int, kind: EventKind, body: dict[str, Any]) -> None:
        self._perform(self._responder.emit(request, kind, body))

    # -- requests ----------------------------------------------------------------------------

    def _begin(self, request: Request) -> None:
        if request.kind is RequestKind.INTERRUPT:
            self._interrupt(request)
        elif request.kind is RequestKind.KILL:
            self._kill(request)
        else:
            self._waiting.append(request)
            self._next()

    def _next(self) -> None:
        """Give the shell something to do, if there is anything and it is idle."""
        shell = self._shell
        if self._current is not None or self._keeping is not None:
            return
        if shell is None or not shell.is_ready:
            return
        if self._keep_results(shell) or not self._waiting:
            return
        self._current = self._waiting.pop(0)
        self._has_begun = self._is_unwanted = False
        shell.link.send(
            {
                "id": self._current.id,
                "kind": self._current.kind.value,
                "body": dict(self._current.body),
            }
        )
        # While the shell wakes up.
        self._mark_busy()
        if self._current.kind is RequestKind.CELL:
            body = self._current.body
            fact = self._runs.begin(self._current.id, body)
            self._spool.begin(stored(fact), is_alone=self._link is None)

    def _interrupt(self, request: Request) -> None:
        self._stop(request.body["request"])
        self._emit(request.id, EventKind.FINISHED, CellOutcome("ok").to_body())

    def _stop(self, target: int) -> None:
        """Send SIGINT to the shell's process group, if it still runs the cell that is meant."""
        if self._current is not None and self._current.id == target and self._shell is not None:
            self._is_unwanted = True
            if self._has_begun:
                self._shell.signal(signal.SIGINT)
            return
        for waiting in [w for w in self._waiting if w.id == target]:
            self._waiting.remove(waiting)
            error = {"ename": "KeyboardInterrupt", "evalue": "", "traceback": []}
            outcome = CellOutcome("died", error=error, notes=["it had not begun"])
            self._emit(target, EventKind.FINISHED, outcome.to_body())

    def _kill(self, request: Request) -> None:
        """Kill the shell, if it still runs the cell that is meant: the request may come late."""
        target = request.body["request"]
        if self._current is not None and self._current.id == target:
            self._kill_shell()
        else:
            self._stop(target)
        self._emit(request.id, EventKind.FINISHED, CellOutcome("ok").to_body())

    def _kill_shell(self) -> None:
        if self._current is not None and self._shell is not None:
            self._killed = "it was killed, because it did not react to the interrupt"
            self._shell.signal(signal.SIGKILL)

    def _cancel(self, run: str) -> None:
        """Stop a run, whoever asks for it; who asks again has it killed."""
        current = self._current
        if current is not None and _run_of(current) == run:
            if self._is_unwanted:
                self._kill_shell()
            else:
                self._stop(current.id)
        for waiting in [w for w in self._waiting if _run_of(w) == run]:
            self._stop(waiting.id)

    def _take_stop(self, stop: StopLoop) -> None:
        if stop.session == self._options.session:
            shell = self._shell if self._runs.has_loop(stop.run, stop.loop) else None
            self._stops.take(stop, None if shell is None else shell.ask_to_stop)

    def _loop_over(self, body: Mapping[str, Any]) -> None:
        self._runs.finish_loop(body["loop"], is_whole=body["is_whole"])
        self._stops.over(body["loop"])

    # -- runs that nobody waits for ----------------------------------------------------------

    def _keep_results(self, shell: Shell) -> bool:
        """Have what the last run left written down, if nobody takes it; tell whether that began."""
        for ended in self._spool.unacknowledged:
            since = time.time() - (ended.run.ended_at or 0.0)
            if not ended.run.is_detached and self._link is not None and since < _HEARD_S:
                continue
            self._keeping = ended
            self._mark_busy()
            path = str(self._spool.archive.result_path(ended.run.id))
            if ended.run.status == "lost":
                self._kept({"names": [], "nbytes": 0, "stays": {}})
            else:
                shell.link.send({"id": 0, "kind": "keep", "body": {"path": path}})
            return True
        return False

    def _kept(self, results: dict[str, Any]) -> None:
        ended, self._keeping = self._keeping, None
        if ended is not None:
            self._spool.keep(ended, results)
        self._end_current()
        self._next()

    def _end_run(self, body: Mapping[str, Any]) -> None:
        """Take note of how the current run ended, which has just been told."""
        current = self._current
        if current is None or current.kind is not RequestKind.CELL:
            return
        status, error = ending(body)
        if status == "running" or body["status"] == "unloadable":
            self._spool.forget()  # it is asked for again, or runs in the notebook
            return
        notes = [*body["notes"], *(f"'{n}' is lost: {why}" for n, why in body["stays"].items())]
        self._spool.end(self._responder.last_seq, status, error, notes)
        asyncio.get_running_loop().call_later(_HEARD_S + 0.1, self._next)

    async def wait_needless(self, is_deserted: asyncio.Event) -> None:
        """Return when nobody needs this runner any more.

        It waits for a notebook that may come back, and for those who fetch what its runs left, for
        as long as that is kept.

        Parameters
        ----------
        is_deserted
            Set when its notebook will not come back.
        """
        alone_since: float | None = None
        while True:
            await asyncio.sleep(_LOOK_DESERTED_S)
            is_idle = self._current is None and self._keeping is None and not self._waiting
            if self._link is not None or not is_idle:
                alone_since = None
                continue
            now = time.monotonic()
            alone_since = alone_since or now
            if now - alone_since > self._keep_for_s:
                return
            if is_deserted.is_set() and self._has_served and self._spool.is_empty:
                return

    # -- the shell ---------------------------------------------------------------------------

    async def _keep_shell(self) -> None:
        """Start a shell, pass on what it says, report its death, start the next one."""
        failures = 0
        while True:
            first, self._first = self._first, None
            if first is not None:
                shell = await Shell.adopt(first, self._from_shell)
            else:
                shell = await Shell.start(self._options, self._from_shell)
            self._shell = shell
            self._next()
            death = await shell.wait_dead()
            self._shell = None
            failures = 0 if shell.is_ready else failures + 1
            self._report_death(death)
            if failures > 1:
                print(f"the shell does not start: {death}", file=sys.stderr)  # noqa: T201
                os._exit(1)

    def _from_shell(self, shell: Shell, message: dict[str, Any]) -> None:
        if message["kind"] == "ready":
            shell.is_ready = True
            self._next()
            return
        if message["kind"] == "begun":
            self._has_begun = True
            if self._is_unwanted:
                shell.signal(signal.SIGINT)
            return
        if message["kind"] in self._asides:
            self._asides[message["kind"]](message["body"])
            return
        kind = EventKind(message["kind"])
        self._emit(message["request"], kind, message["body"])
        if kind is EventKind.PROGRESS:
            self._runs.advance(message["body"])
            self._spool.advance(message["body"]["done"], message["body"]["total"])
        elif kind is EventKind.FINISHED:
            self._runs.end(message["body"])
            self._end_run(message["body"])
            self._end_current()
            self._next()
        else:
            self._spool.take(kind, message["body"])

    def _end_current(self) -> None:
        self._current = None
        self._stops.ended()
        # A series of short cells is one time of work to the node's keeper.
        loop = asyncio.get_running_loop()
        self._unmarking = loop.call_later(_BUSY_AFTER_S, self._unmark_busy)

    def _mark_busy(self) -> None:
        if self._unmarking is not None:
            self._unmarking.cancel()
        if not self._is_marked:
            self._is_marked = True
            sign(self._busy)

    def _unmark_busy(self) -> None:
        self._is_marked = False
        self._busy.unlink(missing_ok=True)

    def _report_death(self, death: str) -> None:
        reason, self._killed = self._killed or death, ""
        if self._keeping is not None:
            why = f"the process that had it has ended: {death}"
            self._kept({"names": [], "nbytes": 0, "stays": {"all that it left": why}})
        if self._current is None:
            return
        request = self._current
        if not self._has_begun and not self._is_unwanted and request.id != self._retried:
            # It died before, and was found dead by this request: the next one gets it, once.
            self._end_current()
            self._spool.forget()
            self._retried = request.id
            self._waiting.insert(0, request)
            return
        error = {"ename": "RunnerLost", "evalue": reason, "traceback": []}
        outcome = CellOutcome("died", error=error)
        self._runs.end(outcome.to_body())
        self._emit(request.id, EventKind.FINISHED, outcome.to_body())
        self._end_run(outcome.to_body())
        self._end_current()

    async def stop(self) -> None:
        """End the shell and all that it started, and tell what has not been told."""
        if self._shell is not None:
            self._shell.signal(signal.SIGKILL)
        kill_descendants()
        await self._publisher.finish()


def _run_of(request: Request) -> str:
    """Return the id of a cell's run."""
    origin = request.body.get("origin") or {}
    return str(origin.get("run", ""))
