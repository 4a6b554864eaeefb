"""GPUs of this machine: what NVML tells of each of them, however many there are.

Read once a node, and only while somebody looks. NVML belongs to a driver of any age: what one of
its functions cannot tell is None, and says nothing about the others.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

from jupyter_scale.model.feed import GpuView

_PATIENCE_S = 0.3
_OLDEST_S = 2.0

Gpus = tuple[GpuView, ...]


class GpuReader:
    """Reads all GPUs; NVML is opened with the first reading, and stays open.

    A machine on which it cannot be opened has no GPUs, and is not asked again.
    """

    def __init__(self) -> None:
        self._count: int | None = None

    def read(self) -> Gpus:
        """Return every GPU as it is now; this may take some milliseconds for each."""
        if self._count is None:
            self._count = _open()
        found = (_read(index) for index in range(self._count))
        return tuple(gpu for gpu in found if gpu is not None)


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


def _open() -> int:
    """Open NVML and return how many GPUs it knows: none without a driver, or its bindings."""
    try:
        import pynvml
    except ImportError:  # of an interpreter that a profile names
        return 0
    try:
        pynvml.nvmlInit()
        return int(pynvml.nvmlDeviceGetCount())
    except (pynvml.NVMLError, OSError):
        return 0


def _read(index: int) -> GpuView | None:
    """Return one GPU; None when it is not this user's to see."""
    import pynvml

    handle = _ask(pynvml.nvmlDeviceGetHandleByIndex, index)
    if handle is None:
        return None
    memory = _ask(pynvml.nvmlDeviceGetMemoryInfo, handle)
    rates = _ask(pynvml.nvmlDeviceGetUtilizationRates, handle)
    power_mw = _ask(pynvml.nvmlDeviceGetPowerUsage, handle)
    heat = _ask(pynvml.nvmlDeviceGetTemperatureV, handle, pynvml.NVML_TEMPERATURE_GPU)
    if heat is None:  # drivers before 2025 have the old function only
        heat = _ask(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU)
    return GpuView(
        index=index,
        name=_ask(pynvml.nvmlDeviceGetName, handle) or "GPU",
        utilisation_percent=None if rates is None else float(rates.gpu),
        memory_used_bytes=None if memory is None else int(memory.used),
        memory_total_bytes=None if memory is None else int(memory.total),
        temperature_c=None if heat is None else float(heat),
        power_w=None if power_mw is None else power_mw / 1000,
    )


def _ask(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return a function's answer; None when the driver lacks it, or the GPU does not know."""
    import pynvml

    try:
        return function(*arguments)
    except (pynvml.NVMLError, UnicodeDecodeError):
        return None
