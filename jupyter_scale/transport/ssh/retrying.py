"""What is done over a link that may break, and can be begun anew, is done when the link is back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from jupyter_scale.errors import HostError, HostLost

LINK_PATIENCE_S = 600.0
"""For how long at most what has not begun to run waits for its link."""

_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0)
_MOST_LOSSES = 10
#: Where a link that is broken keeps a connection from being made; a name may not be found, either.
_STEPS = ("resolve", "connect", "handshake")

T = TypeVar("T")


def retry(
    act: Callable[[], T],
    on_pause: Callable[[HostError], None],
    patience_s: float,
    is_over: threading.Event | None = None,
    *,
    is_known: bool = False,
) -> T:
    """Do something again until the link to its host no longer keeps it from being done.

    Parameters
    ----------
    act
        Does it, from whatever it was left at; what it returns is returned.
    on_pause
        Told why it has to wait.
    patience_s
        For how long each time that the link breaks.
    is_over
        Set when nobody wants it any more.
    is_known
        Whether the host was in use before. If not, one that cannot be reached at first is told.

    Raises
    ------
    HostError
        The last one: when that takes too long, the link breaks again and again, or is not to blame.
    """
    is_over = threading.Event() if is_over is None else is_over
    losses = trial = 0
    broken_at: float | None = None
    while True:
        try:
            return act()
        except HostError as error:
            now = time.monotonic()
            if isinstance(error, HostLost):
                losses, trial, broken_at = losses + 1, 0, now
            elif error.step not in _STEPS or not (is_known or losses):
                raise
            broken_at = now if broken_at is None else broken_at
            if is_over.is_set() or losses == _MOST_LOSSES or now - broken_at > patience_s:
                raise
            on_pause(error)
        is_over.wait(_PAUSES_S[min(trial, len(_PAUSES_S) - 1)])
        trial += 1
