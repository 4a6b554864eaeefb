"""The conversation of session and runner, over a link that breaks whenever it likes."""

from collections import deque
from dataclasses import fields

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from jupyter_scale.errors import ProtocolError
from jupyter_scale.model.messages import (
    WIRE_VERSION,
    Ack,
    Attach,
    Attached,
    Beat,
    CellOutcome,
    CellRequest,
    Event,
    EventKind,
    LoopProgress,
    Request,
    RequestKind,
    from_wire,
    to_wire,
)
from jupyter_scale.runner.protocol import (
    ACK_EVERY,
    Caller,
    Deliver,
    Fail,
    Responder,
    Send,
    Start,
)


class Link:
    """One connection: what was written and not yet read, in both directions."""

    def __init__(self):
        self.to_runner, self.to_session = deque(), deque()


class Conversation(RuleBasedStateMachine):
    """A session and the lives of its runner; every step is one thing that can happen."""

    @initialize()
    def begin(self):
        self.caller = Caller("s")
        self.life = 0
        self.links = []  # those from which the runner may still read
        self.session_link = None
        self.runner_link = None
        self.submitted, self.failed, self.finished = [], [], []
        self.started = []  # in all lives together
        self.delivered_of_life = {}
        self._new_life()

    def _new_life(self):
        self.life += 1
        self.responder = Responder(f"life {self.life}")
        self.running = []
        self.emitted = []

    # -- what the session does -----------------------------------------------------------------

    def _session(self, actions):
        for action in actions:
            match action:
                case Send(message):
                    assert self.session_link is not None
                    self.session_link.to_runner.append(message)
                case Deliver(event):
                    self.delivered_of_life.setdefault(self.answering, []).append(event)
                    if event.kind is EventKind.FINISHED:
                        self.finished.append(event.request)
                case Fail(request):
                    self.failed.append(request)

    @rule(kind=st.sampled_from(RequestKind))
    def submit(self, kind):
        request, actions = self.caller.submit(kind, {})
        self.submitted.append(request.id)
        self._session(actions)

    @precondition(lambda self: self.session_link is None)
    @rule()
    def connect(self):
        self.session_link = Link()
        self.links.append(self.session_link)
        self._session(self.caller.connected())

    @precondition(lambda self: self.session_link is not None)
    @rule()
    def session_loses_the_link(self):
        # What it wrote may still arrive.
        self.session_link.to_session.clear()
        self.session_link = None
        self._session(self.caller.disconnected())

    @precondition(lambda self: self.session_link and self.session_link.to_session)
    @rule(count=st.integers(1, 200))
    def session_reads(self, count):
        link = self.session_link
        for _ in range(min(count, len(link.to_session))):
            message = link.to_session.popleft()
            if isinstance(message, Attached):
                self.answering = message.runner
            self._session(self.caller.received(message))

    # -- what the runner does ------------------------------------------------------------------

    def _runner(self, actions):
        for action in actions:
            match action:
                case Send(message):
                    assert self.runner_link is not None
                    self.runner_link.to_session.append(message)
                case Start(request):
                    self.started.append(request.id)
                    self.running.append(request.id)

    @precondition(lambda self: any(link.to_runner for link in self.links))
    @rule(data=st.data(), count=st.integers(1, 20))
    def runner_reads(self, data, count):
        link = data.draw(st.sampled_from([link for link in self.links if link.to_runner]))
        self._runner_reads(link, count)

    def _runner_reads(self, link, count):
        for _ in range(min(count, len(link.to_runner))):
            message = link.to_runner.popleft()
            if isinstance(message, Attach) and not self.responder.is_outdated(message):
                assert self.runner_link is None or self._is_newer(link, self.runner_link)
                self.runner_link = link
            if self.runner_link is not link:
                link.to_runner.clear()  # a newer connection has taken over
                break
            self._runner(self.responder.received(message))

    def _is_newer(self, link, other):
        return self.links.index(link) > self.links.index(other)

    @precondition(lambda self: self.runner_link is not None)
    @rule()
    def runner_loses_the_link(self):
        self.links.remove(self.runner_link)
        self.runner_link.to_runner.clear()
        self.runner_link = None
        self._runner(self.responder.disconnected())

    @precondition(lambda self: self.session_link is not None)
    @rule()
    def link_breaks_for_both(self):
        if self.runner_link is self.session_link:
            self.runner_loses_the_link()
        elif self.session_link in self.links:
            self.links.remove(self.session_link)
        self.session_loses_the_link()

    @precondition(lambda self: self.running)
    @rule(data=st.data(), count=st.integers(1, 2 * ACK_EVERY))
    def emit(self, data, count):
        request = data.draw(st.sampled_from(self.running))
        for _ in range(count):
            self._emit(request, EventKind.STREAM)

    def _emit(self, request, kind):
        body = {"n": len(self.emitted)}
        self.emitted.append((request, kind, body))
        self._runner(self.responder.emit(request, kind, body))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish(self, data):
        request = data.draw(st.sampled_from(self.running))
        self.running.remove(request)
        self._emit(request, EventKind.FINISHED)

    @rule()
    def another_runner_takes_its_place(self):
        if self.session_link is not None:
            self.session_loses_the_link()
        self.links, self.runner_link = [], None
        self._new_life()

    # -- laws ----------------------------------------------------------------------------------

    @invariant()
    def requests_start_at_most_once_and_in_order(self):
        started = getattr(self, "started", [])
        assert started == sorted(set(started))

    @invariant()
    def events_arrive_once_in_order_without_gaps(self):
        delivered = getattr(self, "delivered_of_life", {})
        for life, events in delivered.items():
            assert [event.seq for event in events] == list(range(1, len(events) + 1)), life
        current = delivered.get(f"life {getattr(self, 'life', 0)}", [])
        seen = [(event.request, event.kind, event.body) for event in current]
        assert seen == getattr(self, "emitted", [])[: len(seen)]

    @invariant()
    def nothing_unseen_is_thrown_away(self):
        if not hasattr(self, "responder"):
            return
        seen = len(self.delivered_of_life.get(self.responder.runner, []))
        assert self.responder.unacknowledged >= len(self.emitted) - seen

    @invariant()
    def a_request_ends_once(self):
        ends = getattr(self, "failed", []) + getattr(self, "finished", [])
        assert len(ends) == len(set(ends))
        if hasattr(self, "caller"):
            assert set(self.caller.outstanding) == set(self.submitted) - set(ends)

    def teardown(self):
        """When the link stays up, everything arrives."""
        if not hasattr(self, "caller"):
            return
        if self.session_link is not None:
            self.link_breaks_for_both()
        self.connect()
        while self._pump():
            pass
        for request in list(self.running):
            self.running.remove(request)
            self._emit(request, EventKind.FINISHED)
        while self._pump():
            pass
        self.events_arrive_once_in_order_without_gaps()
        self.requests_start_at_most_once_and_in_order()
        self.a_request_ends_once()
        assert self.caller.outstanding == ()
        assert len(self.delivered_of_life.get(self.responder.runner, [])) == len(self.emitted)
        # Every request of the last life has finished, and that is always acknowledged.
        assert not self.emitted or self.responder.unacknowledged == 0

    def _pump(self):
        link = self.session_link
        if link.to_runner:
            self._runner_reads(link, 10**6)
            return True
        if link.to_session:
            self.session_reads(10**6)
            return True
        return False


TestConversation = Conversation.TestCase
TestConversation.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


# -- single steps ------------------------------------------------------------------------------


def attached(runner="r"):
    """Return two ends that have attached to each other."""
    caller, responder = Caller("s"), Responder(runner)
    exchange(caller, responder, caller.connected())
    return caller, responder


def exchange(caller, responder, from_caller=(), from_responder=()):
    """Carry messages until nobody has any; return what was started and delivered."""
    to_responder = deque(a.message for a in from_caller if isinstance(a, Send))
    to_caller = deque(a.message for a in from_responder if isinstance(a, Send))
    others = []
    while to_responder or to_caller:
        if to_responder:
            actions = responder.received(to_responder.popleft())
            to_caller += [a.message for a in actions if isinstance(a, Send)]
        else:
            actions = caller.received(to_caller.popleft())
            to_responder += [a.message for a in actions if isinstance(a, Send)]
        others += [a for a in actions if not isinstance(a, Send)]
    return others


def test_a_request_made_before_the_link_goes_out_on_attach():
    caller, responder = Caller("s"), Responder("r")
    request, actions = caller.submit(RequestKind.CELL, {"source": "1"})
    assert actions == []
    assert exchange(caller, responder, caller.connected()) == [Start(request)]


def test_the_log_is_trimmed_every_so_often():
    caller, responder = attached()
    request, actions = caller.submit(RequestKind.CELL, {})
    exchange(caller, responder, actions)
    for _ in range(ACK_EVERY - 1):
        exchange(caller, responder, (), responder.emit(request.id, EventKind.STREAM, {}))
    assert responder.unacknowledged == ACK_EVERY - 1
    exchange(caller, responder, (), responder.emit(request.id, EventKind.STREAM, {}))
    assert responder.unacknowledged == 0


def test_another_runner_fails_what_is_outstanding_and_serves_what_comes_next():
    caller, responder = attached("one")
    first, actions = caller.submit(RequestKind.CELL, {})
    exchange(caller, responder, actions, responder.emit(1, EventKind.STREAM, {}))
    caller.disconnected()
    other = Responder("two")
    assert exchange(caller, other, caller.connected()) == [Fail(first.id)]
    second, actions = caller.submit(RequestKind.CELL, {})
    assert exchange(caller, other, actions) == [Start(second)]
    [delivered] = exchange(caller, other, (), other.emit(second.id, EventKind.FINISHED, {}))
    assert delivered.event.seq == 1
    assert caller.outstanding == ()


def test_a_gap_is_an_error():
    caller, _ = attached()
    with pytest.raises(ProtocolError, match="event 2 came after 0"):
        caller.received(Event(2, 1, EventKind.NOTE))


def test_an_acknowledgement_of_what_never_was_is_an_error():
    _, responder = attached()
    with pytest.raises(ProtocolError, match="event 3 is acknowledged, 0 is the last"):
        responder.received(Ack(3))


def test_an_older_connection_that_comes_late_is_refused():
    caller, responder = Caller("s"), Responder("r")
    [late], [first] = caller.connected(), caller.connected()
    exchange(caller, responder, [first])
    with pytest.raises(ProtocolError, match="connection 1 came after 2"):
        responder.received(late.message)
    request, actions = caller.submit(RequestKind.CELL, {})
    assert exchange(caller, responder, actions) == [Start(request)]


@pytest.mark.parametrize("message", [Ack(0), Attach("s", None, 0, 1), Request(1, RequestKind.CELL)])
def test_a_runner_does_not_speak_like_a_session(message):
    with pytest.raises(ProtocolError, match=type(message).__name__):
        Caller("s").received(message)


@pytest.mark.parametrize("message", [Attached("r"), Event(1, 1, EventKind.NOTE)])
def test_a_session_does_not_speak_like_a_runner(message):
    with pytest.raises(ProtocolError, match=type(message).__name__):
        Responder("r").received(message)


# -- messages on the wire ----------------------------------------------------------------------

COUNTS = st.integers(0, 2**63 - 1)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
BODIES = st.dictionaries(st.text(), VALUES)
MESSAGES = st.one_of(
    st.builds(Request, COUNTS, st.sampled_from(RequestKind), BODIES),
    st.builds(Event, COUNTS, COUNTS, st.sampled_from(EventKind), BODIES),
    st.builds(Attach, st.text(), st.none() | st.text(), COUNTS, COUNTS, st.floats(0, 60)),
    st.builds(Attached, st.text()),
    st.builds(Ack, COUNTS),
    st.builds(Beat, COUNTS),
)


@given(MESSAGES)
def test_messages_survive_the_wire(message):
    packed = msgpack.packb(to_wire(message))
    assert from_wire(msgpack.unpackb(packed)) == message


@pytest.mark.parametrize(
    "message", [Attach("s", "r", 3, 2), Attached("r")], ids=lambda message: type(message).__name__
)
def test_another_version_is_refused(message):
    wire = {**to_wire(message), "version": WIRE_VERSION + 1}
    with pytest.raises(ProtocolError, match=f"version {WIRE_VERSION + 1}, this one {WIRE_VERSION}"):
        from_wire(wire)


@pytest.mark.parametrize(
    "wire",
    [
        {},
        {"op": "nonsense"},
        {"op": None},
        {"op": ["ack"]},
        {"op": "ack"},
        {"op": "ack", "seq": 1, "more": 2},
        {"op": "request", "id": 1, "kind": "dance", "body": {}},
        {"op": "event", "seq": 1, "request": 1, "kind": "", "body": {}},
        {"op": "request", "id": 1},
    ],
    ids=str,
)
def test_what_is_no_message_is_refused(wire):
    with pytest.raises(ProtocolError):
        from_wire(wire)


OUTCOME = CellOutcome(
    "error",
    kept=b"\1",
    home={"number": 3},
    tokens=[1],
    chunks=[b"\2" * 16],
    error={"ename": "E"},
    stays={"g": "why"},
    seconds={"run": 0.5},
    loops=[{"line": 1}],
    had_effects=True,
    notes=["n"],
    ambient={"cwd": "/"},
)
CELL = CellRequest("1", 2, "<cell>", {}, None, ["a"], (3, b"\0"), True, {}, False)  # noqa: FBT003


@pytest.mark.parametrize("body", [OUTCOME, CELL, LoopProgress(1, 2, 3, 4, 5)])
def test_bodies_survive_the_wire(body):
    wire = msgpack.unpackb(msgpack.packb(body.to_body()))
    again = type(body).from_body(wire)
    for field in fields(body):
        sent, arrived = getattr(body, field.name), getattr(again, field.name)
        # msgpack knows lists only
        assert arrived == (list(sent) if isinstance(sent, tuple) else sent)


@pytest.mark.parametrize("kind", [CellOutcome, CellRequest, LoopProgress])
def test_a_body_with_a_strange_or_a_missing_field_is_refused(kind):
    with pytest.raises(ProtocolError, match=kind.__name__):
        kind.from_body({"nonsense": 1})
    with pytest.raises(ProtocolError, match=kind.__name__):
        kind.from_body({})
