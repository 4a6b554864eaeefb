"""Ctrl-C while a cell runs elsewhere: it is the cell's, and tears nothing of this side."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from jupyter_scale.model.messages import RequestKind
from jupyter_scale.runner.client import Nudge, RunnerClient

_OVERDUE_S = 1.0


class Stopper:
    """Asks a runner to stop a cell; asked again, to kill its process.

    Parameters
    ----------
    client
        The link to the runner.
    number
        The cell's request.
    """

    def __init__(self, client: RunnerClient, number: int) -> None:
        self._client, self._number = client, number
        self._asked: int | None = None

    def ask(self) -> bool:
        """Ask; False if it was asked before, and does not even answer that."""
        if self._asked is not None:
            if self._client.is_outstanding(self._asked):
                return False
            self._client.submit(RequestKind.KILL, {"request": self._number})
            return True
        self._asked = self._client.submit(RequestKind.INTERRUPT, {"request": self._number})
        nudge = (self._number, Nudge.OVERDUE)
        timer = threading.Timer(_OVERDUE_S, self._client.nudge, nudge)
        timer.daemon = True
        timer.start()
        return True

    @property
    def why_overdue(self) -> str:
        """What the user is told when the cell has not stopped in time."""
        if self._asked is not None and self._client.is_outstanding(self._asked):
            return (
                "asked to stop, but the cluster does not answer: the cell stops when it hears of"
                " it; interrupt once more to wait no longer, and let it go on"
            )
        return "asked to stop, but native code is running; interrupt once more to kill it"


@contextmanager
def passing_to(client: RunnerClient) -> Iterator[Callable[[int], None]]:
    """Pass interrupts to the cell meanwhile, so that none tears this side's state.

    Yields a function that takes the cell's request, once that is known.
    """
    requests: list[int] = []
    waiting: list[Nudge] = []

    def pass_to(number: int) -> None:
        requests.append(number)
        for nudge in waiting:
            client.nudge(number, nudge)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if requests:
            client.nudge(requests[0], Nudge.INTERRUPTED)
        else:
            waiting.append(Nudge.INTERRUPTED)

    with _handling(on_signal):
        yield pass_to


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle Ctrl-C another way meanwhile; only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back Ctrl-C while two sides are being made equal; it counts afterwards."""
    came: list[int] = []
    with _handling(lambda number, _frame: came.append(number)):
        yield
    if came:
        raise KeyboardInterrupt
