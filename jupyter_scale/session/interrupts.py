"""Ctrl-C while a cell runs elsewhere: it is the cell's, and tears nothing of this side."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from jupyter_scale.runner.client import Nudge, RunnerClient


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
