"""The notebook's end of the link to a runner: a thread that listens, and a queue per request."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyter_scale.errors import RunnerLost
from jupyter_scale.model.messages import Beat, Event, EventKind, RequestKind, from_wire, to_wire
from jupyter_scale.runner.liveness import Liveness
from jupyter_scale.runner.protocol import Action, Caller, Deliver, Fail, Send
from jupyter_scale.transport.random_state import isolate
from jupyter_scale.transport.secure import SecureConnection
from jupyter_scale.transport.tls import context

_CONNECT_TIMEOUT_S = 10.0
_PAUSES_S = (0.05, 0.1, 0.2, 0.5, 1.0, 1.0, 2.0)
_MOMENT_S = 0.01
_TELL_CUT_S = 3.0
#: So many beats in turn may bring nothing new, then the connection counts as broken.
_MOST_MISSED = 6


class Nudge(Enum):
    """Something on this side that whoever waits for events has to hear of."""

    INTERRUPTED = "the user asked to stop"
    OVERDUE = "it has not stopped a second later"
    CUT = "the link is broken for some seconds"
    BACK = "the link is there again"


class RunnerClient:
    """Sends requests to one runner and hands out their events, whatever the connection does.

    Parameters
    ----------
    address
        Where the runner listens.
    tls_dir
        The cluster's certificates.
    session
        The session that the runner was started for.
    is_alive
        Tells whether the runner's process still runs; a dead one is not called again.
    patience_s
        For how long a runner that lives, as far as is known, is called in vain.
    beat_s
        How often both ends say that they are there, where a link may be dead without a sign; 0
        where it cannot.
    """

    def __init__(
        self,
        address: str,
        tls_dir: Path,
        session: str,
        is_alive: Callable[[], bool],
        patience_s: float,
        beat_s: float = 0.0,
    ) -> None:
        isolate()
        self._address, self._is_alive, self._patience_s = address, is_alive, patience_s
        self._context = context(tls_dir, "client", is_server=False)
        self._beat_s, self._arrived_bytes = beat_s, 0
        self._caller = Caller(session, beat_s)
        self._queues: dict[int, queue.SimpleQueue[Event | Nudge | RunnerLost]] = {}
        self._connection: SecureConnection | None = None
        self._outgoing: list[dict[str, Any]] = []
        self._lock, self._flushing = threading.Lock(), threading.Lock()
        self._lost: RunnerLost | None = None
        self._is_closing = threading.Event()
        #: Whether a runner that may live was called in vain for all that time.
        self.has_given_up = False
        self._thread = threading.Thread(
            target=self._run, name=f"jupyter-scale {address}", daemon=True
        )
        self._thread.start()

    # -- for any thread ----------------------------------------------------------------------

    def submit(self, kind: RequestKind, body: Mapping[str, Any]) -> int:
        """Send a request; its events come from `events`.

        Raises
        ------
        RunnerLost
            When the runner is gone.
        """
        with self._lock:
            if self._lost is not None:
                raise self._lost
            request, actions = self._caller.submit(kind, body)
            self._queues[request.id] = queue.SimpleQueue()
            self._perform(actions)
        self._flush()
        return request.id

    def events(self, request: int) -> Iterator[Event | Nudge]:
        """Yield a request's events, and nudges, as they come; the last one is FINISHED.

        Raises
        ------
        RunnerLost
            When the runner ended before the request did.
        """
        waiting = self._queues[request]
        try:
            while True:
                item = waiting.get()
                if isinstance(item, RunnerLost):
                    raise item
                yield item
                if isinstance(item, Event) and item.kind is EventKind.FINISHED:
                    return
        finally:
            self._queues.pop(request, None)

    def forget(self, request: int) -> None:
        """Let the events of a request that is not waited for come in vain."""
        self._queues.pop(request, None)

    def nudge(self, request: int, nudge: Nudge) -> None:
        """Put a nudge among a request's events; safe in a signal handler."""
        waiting = self._queues.get(request)
        if waiting is not None:
            waiting.put(nudge)

    def is_outstanding(self, request: int) -> bool:
        """Tell whether a request was not answered to its end so far."""
        with self._lock:
            return request in self._caller.outstanding

    @property
    def is_lost(self) -> bool:
        """Whether the runner is gone for good."""
        return self._lost is not None

    def close(self) -> None:
        """Close the link; the runner keeps what it has."""
        self._is_closing.set()
        self.break_connection()
        self._thread.join(timeout=5)

    def break_connection(self) -> None:
        """Break the connection; unless this is being closed, there is a new one at once."""
        with self._lock:
            connection = self._connection
        if connection is not None:
            connection.abort()

    def _flush(self) -> None:
        """Send what waits; what a broken connection swallows is sent again over the next one."""
        with self._flushing:
            connection = None
            try:
                with self._lock:
                    connection = self._connection
                    messages, self._outgoing = self._outgoing, []
                if messages and connection is not None:
                    connection.send(messages)
            except OSError:
                if connection is not None:
                    connection.abort()
            except BaseException:
                if connection is not None:
                    connection.abort()  # half a message may have gone
                raise

    # -- in the link's own thread ------------------------------------------------------------

    def _run(self) -> None:
        """Keep a connection for as long as the runner lives."""
        try:
            while not self._is_closing.is_set():
                self._use(self._connect())
        except OSError as error:
            self._fail_all(f"it cannot be reached ({error})")
        finally:
            self._fail_all("the link was closed")

    def _connect(self) -> SecureConnection:
        place = urlsplit(self._address)
        begun, is_told = time.monotonic(), False
        deadline = begun + self._patience_s
        pauses = itertools.chain(_PAUSES_S, itertools.repeat(_PAUSES_S[-1]))
        while self._is_alive() and time.monotonic() < deadline and not self._is_closing.is_set():
            try:
                connection = SecureConnection.open(
                    str(place.hostname), int(place.port or 0), self._context, _CONNECT_TIMEOUT_S
                )
            except OSError:
                self._is_closing.wait(next(pauses))
            else:
                if is_told:
                    self._nudge_all(Nudge.BACK)
                return connection
            if not is_told and time.monotonic() > begun + _TELL_CUT_S:
                is_told = True
                self._nudge_all(Nudge.CUT)
        if not self._is_alive():
            raise ConnectionError("its process has ended")
        self.has_given_up = not self._is_closing.is_set()
        raise ConnectionError("it does not answer")

    def _nudge_all(self, nudge: Nudge) -> None:
        for request in self._caller.outstanding:
            self.nudge(request, nudge)

    def _use(self, connection: SecureConnection) -> None:
        """Listen until the connection breaks."""
        with self._lock:
            self._connection, self._arrived_bytes = connection, 0
            self._outgoing.clear()
            self._perform(self._caller.connected())
        self._flush()
        beating = threading.Event()
        if self._beat_s:
            name = f"{threading.current_thread().name} beats"
            threading.Thread(
                target=self._beat, args=(connection, beating), name=name, daemon=True
            ).start()
        try:
            while not self._is_closing.is_set():
                messages = [from_wire(wire) for wire in connection.receive()]
                if not messages:
                    break
                with self._lock:
                    for message in messages:
                        if isinstance(message, Beat):
                            self._arrived_bytes = message.received_bytes
                        else:
                            self._perform(self._caller.received(message))
                # To acknowledge at once would keep whoever has just been told from going on. It
                # can go with the next request, or wait for a quiet moment.
                if self._has_urgent() or (self._outgoing and connection.is_silent_for(_MOMENT_S)):
                    self._flush()
        except OSError:
            pass  # what was asked stays asked
        finally:
            beating.set()
            with self._lock:
                self._connection = None
                self._caller.disconnected()
            connection.close()

    def _beat(self, connection: SecureConnection, is_over: threading.Event) -> None:
        """Say again and again that this side is there; break a connection that is dead.

        This has a thread of its own, as whoever receives or sends may wait for ever.
        """
        liveness = Liveness(_MOST_MISSED)
        while not is_over.wait(self._beat_s):
            received, sent = connection.received_bytes, connection.sent_bytes
            if not liveness.look(received, sent, self._arrived_bytes):
                connection.abort()
                return
            # Where something is being sent, that is sign enough.
            if connection.has_room() and self._flushing.acquire(blocking=False):
                try:
                    connection.send([to_wire(Beat(received))])
                except OSError:
                    return  # whoever receives has seen that
                finally:
                    self._flushing.release()

    def _has_urgent(self) -> bool:
        with self._lock:
            return any(wire["op"] != "ack" for wire in self._outgoing)

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                self._outgoing.append(to_wire(action.message))
            elif isinstance(action, Deliver):
                waiting = self._queues.get(action.event.request)
                if waiting is not None:
                    waiting.put(action.event)
            elif isinstance(action, Fail):
                self._put_lost(action.request, "it was started anew")

    def _put_lost(self, request: int, why: str) -> None:
        waiting = self._queues.get(request)
        if waiting is not None:
            waiting.put(RunnerLost(f"The runner was lost: {why}."))

    def _fail_all(self, why: str) -> None:
        with self._lock:
            if self._lost is None:
                self._lost = RunnerLost(f"The runner was lost: {why}.")
            for request in self._caller.outstanding:
                self._put_lost(request, why)
