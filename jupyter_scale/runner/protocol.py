"""The conversation between a session and its runner, as two pure state machines.

`Caller` is the session's end, `Responder` the runner's. Each method takes what happened and returns
the actions to perform, in order; neither performs anything itself.

Laws
----
1. A request is started at most once, however often it arrives; requests start in order.
2. Events are delivered to the session exactly once, in order, without gaps.
3. The runner keeps an event until it is acknowledged; after a reconnect it sends again whatever the
   session has not seen.
4. When the runner that answers is another one than before, every outstanding request fails: its
   effects are gone with the old one, and nobody may believe otherwise.
5. What comes over an older connection than the last one that was attached counts for nothing: a
   link may hold it back for long, and let go of it when another connection has taken over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_scale.errors import ProtocolError
from jupyter_scale.model.messages import (
    Ack,
    Attach,
    Attached,
    Event,
    EventKind,
    Message,
    Request,
    RequestKind,
)

ACK_EVERY = 64


@dataclass(frozen=True, slots=True)
class Send:
    """Write a message to the link."""

    message: Message


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand an event to whoever waits for its request."""

    event: Event


@dataclass(frozen=True, slots=True)
class Start:
    """Begin to carry out a request."""

    request: Request


@dataclass(frozen=True, slots=True)
class Fail:
    """Tell whoever waits for a request that its runner is gone."""

    request: int


Action = Send | Deliver | Start | Fail


class Caller:
    """The session's end of the conversation.

    Parameters
    ----------
    session
        Its id.
    beat_s
        How often both ends are to say that they are there; 0: they are not.
    """

    def __init__(self, session: str, beat_s: float = 0.0) -> None:
        self.session, self._beat_s = session, beat_s
        self._connections = 0
        self._runner: str | None = None
        self._is_attached = False
        self._last_seq = 0
        self._last_ack = 0
        self._last_request = 0
        self._outstanding: dict[int, Request] = {}

    def submit(self, kind: RequestKind, body: Mapping[str, Any]) -> tuple[Request, list[Action]]:
        """Make a request; it is sent now, or when the link is there."""
        self._last_request += 1
        request = Request(self._last_request, kind, body)
        self._outstanding[request.id] = request
        return request, [Send(request)] if self._is_attached else []

    def connected(self) -> list[Action]:
        """Open the conversation on a new link."""
        self._is_attached = False
        self._connections += 1
        attach = Attach(self.session, self._runner, self._last_seq, self._connections, self._beat_s)
        return [Send(attach)]

    def disconnected(self) -> list[Action]:
        """Note that the link is gone; what was asked stays asked."""
        self._is_attached = False
        return []

    def received(self, message: Message) -> list[Action]:
        """Take a message of the runner."""
        if isinstance(message, Attached):
            return self._attached(message)
        if isinstance(message, Event):
            return self._event(message)
        msg = f"a runner does not send {type(message).__name__}"
        raise ProtocolError(msg)

    def _attached(self, message: Attached) -> list[Action]:
        self._is_attached = True
        if self._runner not in (None, message.runner):
            lost, self._outstanding = list(self._outstanding), {}
            self._last_seq = self._last_ack = 0
            self._runner = message.runner
            return [Fail(request) for request in lost]
        self._runner = message.runner
        return [Send(self._outstanding[number]) for number in sorted(self._outstanding)]

    def _event(self, event: Event) -> list[Action]:
        if event.seq <= self._last_seq:
            return []  # sent again after a reconnect, seen before it
        if event.seq != self._last_seq + 1:
            msg = f"event {event.seq} came after {self._last_seq}"
            raise ProtocolError(msg)
        self._last_seq = event.seq
        actions: list[Action] = [Deliver(event)]
        is_last = event.kind is EventKind.FINISHED
        if is_last:
            self._outstanding.pop(event.request, None)
        if is_last or event.seq - self._last_ack >= ACK_EVERY:
            self._last_ack = event.seq
            actions.append(Send(Ack(event.seq)))
        return actions

    @property
    def outstanding(self) -> tuple[int, ...]:
        """Requests that have not finished."""
        return tuple(self._outstanding)


class Responder:
    """The runner's end of the conversation.

    Parameters
    ----------
    runner
        A name that no other life of a runner has.
    """

    def __init__(self, runner: str) -> None:
        self.runner = runner
        self._is_attached = False
        self._connection = 0
        self._last_request = 0
        self._last_seq = 0
        self._log: deque[Event] = deque()

    def is_outdated(self, attach: Attach) -> bool:
        """Tell whether a newer connection of the session has been attached before."""
        return attach.connection <= self._connection

    def received(self, message: Message) -> list[Action]:
        """Take a message of the session, over the connection that was attached last."""
        if isinstance(message, Attach):
            if self.is_outdated(message):
                msg = f"connection {message.connection} came after {self._connection}"
                raise ProtocolError(msg)
            self._connection = message.connection
            if message.runner == self.runner:
                self._acknowledge(message.last_seq)
            self._is_attached = True
            return [Send(Attached(self.runner)), *(Send(event) for event in self._log)]
        if isinstance(message, Ack):
            self._acknowledge(message.seq)
            return []
        if isinstance(message, Request):
            return self._request(message)
        msg = f"a session does not send {type(message).__name__}"
        raise ProtocolError(msg)

    def disconnected(self) -> list[Action]:
        """Note that the link is gone; events are kept."""
        self._is_attached = False
        return []

    def emit(self, request: int, kind: EventKind, body: Mapping[str, Any]) -> list[Action]:
        """Report something; it is sent now, or after the next attach."""
        self._last_seq += 1
        event = Event(self._last_seq, request, kind, body)
        self._log.append(event)
        return [Send(event)] if self._is_attached else []

    def _request(self, request: Request) -> list[Action]:
        if request.id <= self._last_request:
            return []  # asked again after a reconnect
        self._last_request = request.id
        return [Start(request)]

    def _acknowledge(self, seq: int) -> None:
        if seq > self._last_seq:
            msg = f"event {seq} is acknowledged, {self._last_seq} is the last"
            raise ProtocolError(msg)
        while self._log and self._log[0].seq <= seq:
            self._log.popleft()

    @property
    def last_seq(self) -> int:
        """The number of the last event."""
        return self._last_seq

    @property
    def acknowledged(self) -> int:
        """The number of the last event that the session has seen, as far as is known here."""
        return self._last_seq - len(self._log)

    @property
    def unacknowledged(self) -> int:
        """How many events are kept."""
        return len(self._log)
