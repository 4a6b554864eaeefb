"""GPUs for an event loop: read in a thread, as a driver may hang."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

from jupyter_scale.monitor.gpus import Gpus

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

    async def look(self) -> Gpus:
        """Return the GPUs as they are now; if that takes long, as they were; if very long, none."""
        if self._reading is None:
            self._reading = _in_daemon(self._read)
        reading = self._reading
        await asyncio.wait([reading], timeout=_PATIENCE_S)
        if reading.done() and self._reading is reading:
            self._reading = None
            self._last, self._last_at = reading.result(), time.monotonic()
        return self._last if time.monotonic() - self._last_at < _OLDEST_S else ()


def _in_daemon(work: Callable[[], Gpus]) -> asyncio.Future[Gpus]:
    """Work in a thread for which no process waits at its end.

    An error that the work does not expect ends the thread, and is in the log, once.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Gpus] = loop.create_future()

    def run() -> None:
        gpus = work()
        if not loop.is_closed():
            loop.call_soon_threadsafe(future.set_result, gpus)

    threading.Thread(target=run, name="read GPUs", daemon=True).start()
    return future
