"""The notebook's end of the link to a runner: a thread that talks, and a queue for each request."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from distributed.comm import Comm, CommClosedError, connect

from jupyter_scale.errors import RunnerLost
from jupyter_scale.model.messages import Event, EventKind, RequestKind, from_wire, to_wire
from jupyter_scale.runner.protocol import Action, Caller, Deliver, Fail, Send
from jupyter_scale.transport.random_state import isolate
from jupyter_scale.transport.tls import security

_CONNECT_TIMEOUT_S = 10.0
_PAUSES_S = (0.05, 0.1, 0.2, 0.5, 1.0, 1.0, 2.0, 2.0)


class Nudge(Enum):
    """Something on this side that whoever waits for events has to hear of."""

    INTERRUPTED = "the user asked to stop"
    OVERDUE = "it has not stopped a second later"


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
    """

    def __init__(
        self, address: str, tls_dir: Path, session: str, is_alive: Callable[[], bool]
    ) -> None:
        isolate()
        self._address, self._is_alive = address, is_alive
        self._connection_args = security(tls_dir, "client").get_connection_args("client")
        self._caller = Caller(session)
        self._queues: dict[int, queue.SimpleQueue[Event | Nudge | RunnerLost]] = {}
        self._comm: Comm | None = None
        self._outgoing: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._lost: RunnerLost | None = None
        self._loop = asyncio.new_event_loop()
        self._wake = asyncio.Event()
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
        self._loop.call_soon_threadsafe(self._wake.set)
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

    def nudge(self, request: int, nudge: Nudge) -> None:
        """Put a nudge among a request's events; safe in a signal handler."""
        waiting = self._queues.get(request)
        if waiting is not None:
            waiting.put(nudge)

    @property
    def is_lost(self) -> bool:
        """Whether the runner is gone for good."""
        return self._lost is not None

    def close(self) -> None:
        """Close the link; the runner keeps what it has."""
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(self._stop)
        self._thread.join(timeout=5)

    # -- in the link's own thread ------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._main = self._loop.create_task(self._talk())
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._main)
        self._loop.close()

    def _stop(self) -> None:
        self._main.cancel()

    async def _talk(self) -> None:
        """Keep a connection for as long as the runner lives."""
        try:
            while True:
                try:
                    self._comm = await self._connect()
                except (OSError, CommClosedError) as error:
                    self._fail_all(f"it cannot be reached ({error})")
                    return
                await self._use(self._comm)
        finally:
            if self._comm is not None:
                self._comm.abort()
            self._fail_all("the link was closed")

    async def _connect(self) -> Comm:
        for pause in _PAUSES_S:
            if not self._is_alive():
                break
            try:
                comm: Comm = await connect(
                    self._address, timeout=_CONNECT_TIMEOUT_S, **self._connection_args
                )
                return comm  # noqa: TRY300 - the loop is the other branch
            except (OSError, CommClosedError):
                await asyncio.sleep(pause)
        msg = "its process has ended" if not self._is_alive() else "it does not answer"
        raise ConnectionError(msg)

    async def _use(self, comm: Comm) -> None:
        """Write and read until the connection breaks."""
        with self._lock:
            self._outgoing.clear()
            self._perform(self._caller.connected())
        self._wake.set()
        writer = asyncio.create_task(self._write(comm))
        try:
            while True:
                messages = [from_wire(wire) for wire in await comm.read()]
                with self._lock:
                    for message in messages:
                        self._perform(self._caller.received(message))
                if self._outgoing:
                    self._wake.set()
        except CommClosedError:
            with self._lock:
                self._caller.disconnected()
        finally:
            writer.cancel()
            comm.abort()

    async def _write(self, comm: Comm) -> None:
        with contextlib.suppress(CommClosedError):
            while True:
                await self._wake.wait()
                self._wake.clear()
                with self._lock:
                    messages, self._outgoing = self._outgoing, []
                if messages:
                    await comm.write(messages)

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
