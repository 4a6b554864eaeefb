"""GPUs for an event loop: read in a thread, as a driver may hang."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable

from jupyter_scale.monitor.gpus import Gpus

_logger = logging.getLogger(__name__)

_PATIENCE_S = 0.3
_OLDEST_S = 2.0


class GpuWatch:
    """Reads GPUs for an event loop, which a driver that hangs does not hold up.

    Parameters
    ----------
    read : callable
        What reads them; it runs in a thread of its own, one at a time.
    """

    def __init__(self, read: Callable[[], Gpus]) -> None:
        self._read = read
        self._reading: asyncio.Future[Gpus] | None = None
        self._last: Gpus = ()
        self._last_at = -_OLDEST_S
        self._asked_at = 0.0
        self._is_silent = False

    async def look(self) -> Gpus:
        """Return the GPUs as they are now; if that takes long, as they were; if very long, none."""
        if self._reading is None:
            self._reading, self._asked_at = _in_daemon(self._read), time.monotonic()
        reading = self._reading
        await asyncio.wait([reading], timeout=_PATIENCE_S)
        if reading.done() and self._reading is reading:
            self._reading = None
            self._last, self._last_at = reading.result(), time.monotonic()
        self._note_silence(is_silent=self._reading is reading)
        return self._last if time.monotonic() - self._last_at < _OLDEST_S else ()

    def _note_silence(self, *, is_silent: bool) -> None:
        """Say once that the driver hangs, and once that it is back."""
        if not is_silent and self._is_silent:
            self._is_silent = False
            _logger.warning("the driver of the GPUs answers again")
        elif is_silent and not self._is_silent and time.monotonic() > self._asked_at + _OLDEST_S:
            self._is_silent = True
            _logger.warning("the driver of the GPUs does not answer: nothing is known of them")


def _in_daemon(work: Callable[[], Gpus]) -> asyncio.Future[Gpus]:
    """Work in a thread for which no process waits at its end.

    An error that the work does not expect ends the thread, and is in the log, once.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Gpus] = loop.create_future()

    def run() -> None:
        try:
            gpus = work()
        except Exception:
            _logger.exception("GPUs cannot be read any more")
            return
        if not loop.is_closed():
            loop.call_soon_threadsafe(future.set_result, gpus)

    threading.Thread(target=run, name="read GPUs", daemon=True).start()
    return future
