"""The supervisor: link, event log, signals and the shell's life. No user code runs here.

So a cell that holds the GIL blocks neither the link nor the interrupt, and the death of the shell
can be told.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed.comm import Comm, CommClosedError, listen

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
from jupyter_scale.runner.host.link import SupervisorLink
from jupyter_scale.runner.protocol import Action, Responder, Send, Start
from jupyter_scale.transport.lifeline import current_owner
from jupyter_scale.transport.local import python_argv
from jupyter_scale.transport.processes import kill_descendants
from jupyter_scale.transport.tls import security

_SHELL_END_S = 2.0
_BATCH = 256


@dataclass(frozen=True, slots=True)
class Options:
    """Where a runner's files are.

    Attributes
    ----------
    directory
        The runner's own directory.
    cluster_directory
        The cluster's: ``tls/``, ``scheduler.json``.
    session
        The session that it serves, and no other.
    shared
        The session's directory of shared memory segments, if there is one.
    """

    directory: Path
    cluster_directory: Path
    session: str
    shared: Path | None


class Supervisor:
    """Serves one session and keeps one shell process."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._responder = Responder(uuid.uuid4().hex)
        self._comm: Comm | None = None
        self._shell: Shell | None = None
        self._current: Request | None = None
        self._has_begun = False
        self._is_unwanted = False
        self._waiting: list[Request] = []
        self._retried = -1
        self._outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._killed = ""
        # The node's keeper counts a runner as busy while this file is there.
        self._busy = options.directory / "busy"
        self._publisher = Publisher(options.cluster_directory, options.session)
        self._runs = RunLog(options.session, self._publisher)

    async def start(self) -> str:
        """Listen and start the shell; return the address for the session."""
        tls = security(self._options.cluster_directory / "tls", "worker")
        listener = await listen("tls://127.0.0.1:0", self._serve, **tls.get_listen_args("worker"))
        jobs = (self._write(), self._keep_shell(), self._publisher.run())
        self._tasks = [asyncio.create_task(job) for job in jobs]
        return str(listener.contact_address)

    # -- the link ----------------------------------------------------------------------------

    async def _serve(self, comm: Comm) -> None:
        """Talk to a session over one connection until it closes."""
        try:
            while True:
                for wire in await comm.read():
                    if not self._receive(comm, from_wire(wire)):
                        return
        except CommClosedError:
            pass
        except ProtocolError as error:
            print(f"closing the link: {error}", file=sys.stderr)  # noqa: T201 - the runner's log
        finally:
            if self._comm is comm:
                self._comm = None
                self._perform(self._responder.disconnected())
            comm.abort()

    def _receive(self, comm: Comm, message: Message) -> bool:
        """Take a message; False when the connection is not, or no longer, the session's."""
        if isinstance(message, Attach):
            if message.session != self._options.session:
                return False
            self._comm = comm
        if self._comm is not comm:
            return False  # a newer connection has taken over
        self._perform(self._responder.received(message))
        return True

    def _take_over(self, comm: Comm) -> None:
        """Talk over this connection from now on; what the last one did not take is sent again."""
        self._comm = comm
        while not self._outgoing.empty():
            self._outgoing.get_nowait()

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                self._outgoing.put_nowait(to_wire(action.message))
            elif isinstance(action, Start):
                self._begin(action.request)

    async def _write(self) -> None:
        """Write messages in order; what cannot be written is sent again after the next attach."""
        while True:
            messages = [await self._outgoing.get()]
            while len(messages) < _BATCH and not self._outgoing.empty():
                messages.append(self._outgoing.get_nowait())
            if self._comm is not None:
                with contextlib.suppress(CommClosedError):
                    await self._comm.write(messages)

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
            self._busy.write_text(str(current_owner()))
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
            self._shell = await Shell.start(self._options)
            was_ready = False
            while (message := await self._shell.link.receive()) is not None:
                was_ready = True
                self._from_shell(message)
            death = await self._shell.wait_dead()
            self._shell = None
            failures = 0 if was_ready else failures + 1
            self._report_death(death)
            if failures > 1:
                print(f"the shell does not start: {death}", file=sys.stderr)  # noqa: T201
                os._exit(1)

    def _from_shell(self, message: dict[str, Any]) -> None:
        assert self._shell is not None  # noqa: S101 - its message came just now
        if message["kind"] == "ready":
            self._shell.is_ready = True
            self._next()
            return
        if message["kind"] == "begun":
            self._has_begun = True
            if self._is_unwanted:
                self._shell.signal(signal.SIGINT)
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


class Shell:
    """A running shell process, as its supervisor sees it."""

    def __init__(self, process: asyncio.subprocess.Process, link: SupervisorLink) -> None:
        self._process = process
        self.link = link
        self.is_ready = False

    @classmethod
    async def start(cls, options: Options) -> Shell:
        """Start a shell process in a process group of its own."""
        ours, theirs = socket.socketpair()
        shared = ["--shared", str(options.shared)] if options.shared else []
        environment = dict(os.environ)
        if options.shared:
            # joblib's own memory files go with the session's, also when nobody ends joblib.
            environment.setdefault("JOBLIB_TEMP_FOLDER", str(options.shared))
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *python_argv(
                    "jupyter_scale.runner.host.shell",
                    "--fd",
                    str(theirs.fileno()),
                    "--cluster-directory",
                    str(options.cluster_directory),
                    *shared,
                ),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=environment,
                start_new_session=True,
            )
        return cls(process, await SupervisorLink.open(ours))

    def signal(self, number: signal.Signals) -> None:
        """Signal the shell and its children; gone already is fine."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    async def wait_dead(self) -> str:
        """Wait until the process is gone and say how it ended; its children go too."""
        self.link.close()
        try:
            await asyncio.wait_for(self._process.wait(), _SHELL_END_S)
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self._process.wait()
        self.signal(signal.SIGKILL)
        code = self._process.returncode or 0
        peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        peak_mb = peak_kib / (1e3 if sys.platform == "linux" else 1e6)
        if code < 0:
            how = f"its process was ended by {signal.Signals(-code).name}"
        else:
            how = f"its process ended itself with exit status {code}"
        return f"{how}; it had used up to {peak_mb:,.0f} MB of memory"
