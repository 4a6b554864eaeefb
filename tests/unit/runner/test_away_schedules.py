"""A real supervisor, driven through what links, notebooks, strangers and processes may do.

A link may lose what it carries, or hold it back until there is another one.

The pipes are lists, and the shell process says what the schedule wants. Laws: a cell is begun once;
only who is meant is stopped; what a run has shown is on disk in order, once, from the moment that
nobody listens; in the end the notebook has been told everything once, and nothing waits but what
nobody has fetched.
"""

import asyncio
import signal
import socket
import tempfile
from collections import deque
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jupyter_scale.model.messages import (
    Cancel,
    CellOutcome,
    EventKind,
    RequestKind,
    from_wire,
    to_wire,
)
from jupyter_scale.runner.host.shells import Options
from jupyter_scale.runner.host.supervisor import Supervisor
from jupyter_scale.runner.protocol import Caller, Deliver, Send
from jupyter_scale.transport.framing import Unframer

NEVER_S = 1e9


class Wire:
    """A connection from a notebook, or from a stranger."""

    def __init__(self):
        self.to_runner, self.to_session = deque(), deque()
        self.is_closed = False
        self.socket = socket.socket()

    def send(self, message):
        self.to_session.append(message)

    def close(self):
        self.is_closed = True
        self.socket.close()


class Process:
    """The shell process: what it was told waits for the schedule."""

    def __init__(self, on_signal):
        self.is_ready, self.link, self.signal = True, self, on_signal
        self.told = deque()

    def send(self, message):
        self.told.append(message)


class Away(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.directory = tempfile.TemporaryDirectory()
        place = Path(self.directory.name)
        self.loop = asyncio.new_event_loop()
        self.supervisor = Supervisor(Options(place, place, "s", None), None, NEVER_S)
        self.archive = self.supervisor._spool.archive
        self.caller = Caller("s")
        self.session_wire = self.runner_wire = None
        self.wires, self.held, self.newest = [], [], -1
        self.cells, self.detached, self.run_of = [], set(), {}
        self.begun, self.again = [], set()
        self.shown, self.seen, self.finished = {}, {}, []
        self.meant = set()  # requests that somebody wants to stop
        self._new_shell()

    def _new_shell(self):
        self.shell = Process(self._on_signal)
        self.current, self.has_begun, self.keep = None, False, None
        self.supervisor._shell = self.shell
        self._do(self.supervisor._next)

    def _do(self, function, *arguments):
        async def call():
            function(*arguments)

        self.loop.run_until_complete(call())
        self._hear()

    def _hear(self):
        """Take what the shell process was told."""
        while self.shell.told:
            message = self.shell.told.popleft()
            assert self.current is None, "it has one thing to do at a time"
            assert self.keep is None
            if message["kind"] == "keep":
                self.keep = message
                continue
            number = message["id"]
            assert number not in self.begun or number in self.again
            self.begun.append(number)
            self.current, self.has_begun = number, False
            self.shown[self.run_of[number]] = []

    def _on_signal(self, number):
        assert number in {signal.SIGINT, signal.SIGKILL}
        assert self.current in self.meant, "somebody else's cell is stopped"

    # -- the notebook --------------------------------------------------------------------------

    def _session(self, actions):
        for action in actions:
            match action:
                case Send(message) if self.session_wire is not None:
                    self.session_wire.to_runner.append(to_wire(message))
                case Deliver(event) if event.kind is EventKind.FINISHED:
                    self.finished.append(event.request)
                case Deliver(event):
                    self.seen.setdefault(event.request, []).append(event.body["text"])

    def _submit(self, kind, body):
        request, actions = self.caller.submit(kind, body)
        self._session(actions)
        return request.id

    @rule(is_detached=st.booleans())
    def run_a_cell(self, is_detached):
        run = f"r{len(self.cells)}"
        origin = {"run": run, "cell": "c"}
        body = {"source": "x", "execution_count": 1, "origin": origin, "is_detached": is_detached}
        number = self._submit(RequestKind.CELL, body)
        self.cells.append(number)
        self.run_of[number] = run
        if is_detached:
            self.detached.add(number)

    @precondition(lambda self: self.cells)
    @rule(data=st.data(), kind=st.sampled_from([RequestKind.INTERRUPT, RequestKind.KILL]))
    def interrupt(self, data, kind):
        number = data.draw(st.sampled_from(self.cells))
        if kind is RequestKind.KILL and number != self.current:
            return  # a second interrupt is of the cell that runs
        self.meant.add(number)
        self._submit(kind, {"request": number})

    @precondition(lambda self: self.session_wire is None)
    @rule()
    def connect(self):
        self.session_wire = Wire()
        self.wires.append(self.session_wire)
        self._session(self.caller.connected())

    @precondition(lambda self: self.session_wire is not None)
    @rule(does_runner_notice=st.booleans(), fate=st.sampled_from(["lost", "came", "held"]))
    def lose_the_link(self, does_runner_notice, fate):
        wire, self.session_wire = self.session_wire, None
        wire.to_session.clear()
        if fate == "lost":
            wire.to_runner.clear()
        elif fate == "held":
            self.held.append(wire)  # it comes some day, also when there is another connection
        elif wire is self.runner_wire:
            self._runner_reads(wire)  # it came, and its answer does not
        self.caller.disconnected()
        if does_runner_notice and wire is self.runner_wire:
            self.runner_notices()

    @precondition(lambda self: self.runner_wire not in (None, self.session_wire))
    @rule()
    def runner_notices(self):
        wire, self.runner_wire = self.runner_wire, None
        self._do(self.supervisor._lost_session, wire)

    @precondition(lambda self: self.session_wire is not None and self.session_wire.to_runner)
    @rule()
    def runner_reads(self):
        self._runner_reads(self.session_wire)

    @precondition(lambda self: self.session_wire is not None and self.session_wire.to_runner)
    @rule(does_runner_notice=st.booleans())
    def overtake(self, does_runner_notice):
        """What a connection has brought waits on the way, and the next one is there before it."""
        self.lose_the_link(does_runner_notice=does_runner_notice, fate="held")
        self.connect()
        self.runner_reads()

    @precondition(lambda self: self.held)
    @rule(data=st.data(), count=st.integers(1, 10))
    def runner_reads_what_was_held_back(self, data, count):
        wire = data.draw(st.sampled_from(self.held))
        self._runner_reads(wire, count)
        wire.to_session.clear()  # nobody listens at the other end
        if wire.is_closed or not wire.to_runner:
            self.held.remove(wire)

    def _runner_reads(self, wire, count=10**6):
        while wire.to_runner and count:
            count -= 1
            if wire.is_closed:
                wire.to_runner.clear()
                break
            before = self.runner_wire
            message = wire.to_runner.popleft()
            if message["op"] == "attach" and self.wires.index(wire) >= self.newest:
                self.runner_wire, self.newest = wire, self.wires.index(wire)
            self._do(self.supervisor._from_session, wire, message)
            assert wire.is_closed == (wire is not self.runner_wire)
            if wire is self.runner_wire and before not in (None, wire):
                assert before.is_closed, "who was there before is hung up on"
                self._do(self.supervisor._lost_session, before)
            assert self.supervisor._link is self.runner_wire

    @precondition(lambda self: self.session_wire is not None and self.session_wire.to_session)
    @rule(count=st.integers(1, 50))
    def session_reads(self, count):
        wire = self.session_wire
        for _ in range(min(count, len(wire.to_session))):
            self._session(self.caller.received(from_wire(wire.to_session.popleft())))

    # -- a stranger ----------------------------------------------------------------------------

    @precondition(lambda self: self.cells)
    @rule(data=st.data())
    def cancel(self, data):
        number = data.draw(st.sampled_from(self.cells))
        self.meant.add(number)
        wire = Wire()
        self._do(self.supervisor._from_session, wire, to_wire(Cancel(self.run_of[number])))
        assert wire.is_closed

    # -- the shell process ---------------------------------------------------------------------

    def _say(self, kind, body):
        message = {"request": self.current, "kind": kind, "body": body}
        self._do(self.supervisor._from_shell, self.shell, message)

    @precondition(lambda self: self.current is not None and not self.has_begun)
    @rule()
    def shell_begins(self):
        self.has_begun = True
        self._say("begun", {})

    @precondition(lambda self: self.has_begun)
    @rule(count=st.integers(1, 3))
    def shell_shows(self, count):
        texts = self.shown[self.run_of[self.current]]
        for _ in range(count):
            texts.append(f"{self.current}.{len(texts)} ")
            self._say("stream", {"name": "stdout", "text": texts[-1]})

    @precondition(lambda self: self.has_begun)
    @rule()
    def shell_ends(self):
        message = {
            "request": self.current,
            "kind": EventKind.FINISHED.value,
            "body": CellOutcome("ok").to_body(),
        }
        self.current, self.has_begun = None, False
        self._do(self.supervisor._from_shell, self.shell, message)

    @precondition(lambda self: self.keep is not None)
    @rule()
    def shell_has_kept(self):
        self.keep = None
        body = {"names": ["x"], "nbytes": 3, "stays": {}}
        self._do(
            self.supervisor._from_shell, self.shell, {"request": 0, "kind": "kept", "body": body}
        )

    @rule()
    def shell_dies(self):
        if self.current is not None and not self.has_begun:
            self.again.add(self.current)
        self.supervisor._shell = None
        self._do(self.supervisor._report_death, "it was ended")
        self._new_shell()

    # -- laws ----------------------------------------------------------------------------------

    @invariant()
    def the_disk_has_what_was_shown_in_order(self):
        if not hasattr(self, "archive"):
            return
        for run in self.archive.runs():
            path = self.archive.output_path(run.id)
            events = Unframer().feed(path.read_bytes()) if path.exists() else []
            texts = [event["body"]["text"] for event in events]
            shown = self.shown[run.id]
            assert texts == (shown if run.is_over else shown[: len(texts)])
            if not run.is_over and self.supervisor._link is None:
                assert texts == shown, "nobody listens"

    @invariant()
    def the_notebook_sees_each_text_once_and_in_order(self):
        for number, texts in getattr(self, "seen", {}).items():
            shown = self.shown[self.run_of[number]]
            assert texts == shown[: len(texts)]
        finished = getattr(self, "finished", [])
        assert len(finished) == len(set(finished))

    def teardown(self):
        if not hasattr(self, "archive"):
            return
        try:
            self._end_without_the_notebook()
            self._come_back()
        finally:
            for wire in self.wires:
                wire.socket.close()
            self.loop.close()
            self.directory.cleanup()

    def _end_without_the_notebook(self):
        if self.session_wire is not None:
            self.lose_the_link(does_runner_notice=True, fate="came")
        if self.runner_wire is not None:
            self.runner_notices()
        while self.current is not None or self.keep is not None:
            self._finish_what_runs()
        for run in self.archive.runs():
            assert run.is_settled, "all of it is on disk"

    def _finish_what_runs(self):
        if self.keep is not None:
            self.shell_has_kept()
        else:
            if not self.has_begun:
                self.shell_begins()
            self.shell_ends()

    def _come_back(self):
        self.connect()
        while self.session_wire.to_runner or self.session_wire.to_session or self.current:
            self._runner_reads(self.session_wire)
            self.session_reads(10**6) if self.session_wire.to_session else None
            while self.current is not None or self.keep is not None:
                self._finish_what_runs()
        assert self.caller.outstanding == ()
        self.the_notebook_sees_each_text_once_and_in_order()
        for number in self.cells:
            assert self.seen.get(number, []) == self.shown.get(self.run_of[number], [])
        numbers = {run: number for number, run in self.run_of.items()}
        for run in self.archive.runs():
            if numbers[run.id] not in self.detached:
                assert not run.is_waiting, "the notebook has all of it"


TestAway = Away.TestCase
TestAway.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
