"""The supervisor: link, event log, signals and the shell's life. No user code runs here.

So a cell that holds the GIL blocks neither the link nor the interrupt, and the death of the shell
can be told.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import uuid
from typing import Any

from jupyter_scale.errors import ProtocolError
from jupyter_scale.model.messages import (
    Attach,
    CellOutcome,
    EventKind,
    Message,
    Request,
    RequestKind,
    from_wire,
    to_wire,
)
from jupyter_scale.runner.host.facts import Publisher, RunLog
from jupyter_scale.runner.host.link import MessageLink
from jupyter_scale.runner.host.shells import First, Options, Shell
from jupyter_scale.runner.protocol import Action, Responder, Send, Start
from jupyter_scale.transport.presence import sign
from jupyter_scale.transport.processes import kill_descendants
from jupyter_scale.transport.secure import notice_silence
from jupyter_scale.transport.tls import context

_BUSY_AFTER_S = 0.25


class Supervisor:
    """Serves one session and keeps one shell process.

    Parameters
    ----------
    options
        Where its files are.
    first
        A shell process that runs already.
    """

    def __init__(self, options: Options, first: First | None = None) -> None:
        self._options, self._first = options, first
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
        self._publisher = Publisher(options.cluster_directory, options.session)
        self._runs = RunLog(options.session, self._publisher)

    async def start(self) -> str:
        """Listen and start the shell; return the address for the session."""
        tls = context(self._options.cluster_directory / "tls", "worker", is_server=True)
        self._server = await asyncio.get_running_loop().create_server(
            lambda: MessageLink(self._from_session, self._lost_session), "127.0.0.1", 0, ssl=tls
        )
        jobs = (self._keep_shell(), self._publisher.run())
        self._tasks = [asyncio.create_task(job) for job in jobs]
        host, port = self._server.sockets[0].getsockname()
        return f"tls://{host}:{port}"

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
        if isinstance(message, Attach):
            if message.session != self._options.session:
                return False
            self._link = link
            notice_silence(link.socket)
        if self._link is not link:
            return False  # a newer connection has taken over
        self._perform(self._responder.received(message))
        return True

    def _lost_session(self, link: MessageLink) -> None:
        if self._link is link:
            self._link = None
            self._perform(self._responder.disconnected())

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
        if self._current is None and self._waiting and self._shell and self._shell.is_ready:
            self._current = self._waiting.pop(0)
            self._has_begun = self._is_unwanted = False
            self._shell.link.send(
                {
                    "id": self._current.id,
                    "kind": self._current.kind.value,
                    "body": dict(self._current.body),
                }
            )
            # While the shell wakes up.
            self._mark_busy()
            if self._current.kind is RequestKind.CELL:
                self._runs.begin(self._current.id, self._current.body)

    def _interrupt(self, request: Request) -> None:
        """Send SIGINT to the shell's process group, if it still runs the cell that is meant."""
        target = request.body["request"]
        if self._current is not None and self._current.id == target and self._shell is not None:
            self._is_unwanted = True
            if self._has_begun:
                self._shell.signal(signal.SIGINT)
        else:
            for waiting in [w for w in self._waiting if w.id == target]:
                self._waiting.remove(waiting)
                error = {"ename": "KeyboardInterrupt", "evalue": "", "traceback": []}
                outcome = CellOutcome("died", error=error, notes=["it had not begun"])
                self._emit(target, EventKind.FINISHED, outcome.to_body())
        self._emit(request.id, EventKind.FINISHED, CellOutcome("ok").to_body())

    def _kill(self, request: Request) -> None:
        if self._current is not None and self._shell is not None:
            self._killed = "it was killed, because it did not react to the interrupt"
            self._shell.signal(signal.SIGKILL)
        self._emit(request.id, EventKind.FINISHED, CellOutcome("ok").to_body())

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
        kind = EventKind(message["kind"])
        self._emit(message["request"], kind, message["body"])
        if kind is EventKind.PROGRESS:
            self._runs.advance(message["body"])
        elif kind is EventKind.FINISHED:
            self._runs.end(message["body"])
            self._end_current()
            self._next()

    def _end_current(self) -> None:
        self._current = None
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
        if self._current is None:
            return
        request = self._current
        self._end_current()
        if not self._has_begun and not self._is_unwanted and request.id != self._retried:
            # It died before, and was found dead by this request: the next one gets it, once.
            self._retried = request.id
            self._waiting.insert(0, request)
            return
        error = {"ename": "RunnerLost", "evalue": reason, "traceback": []}
        outcome = CellOutcome("died", error=error)
        self._runs.end(outcome.to_body())
        self._emit(request.id, EventKind.FINISHED, outcome.to_body())

    async def stop(self) -> None:
        """End the shell and all that it started, and tell what has not been told."""
        if self._shell is not None:
            self._shell.signal(signal.SIGKILL)
        kill_descendants()
        await self._publisher.finish()
