"""GPUs of this machine: what NVML tells of each of them, however many there are.

Read once a node, and only while somebody looks. NVML belongs to a driver of any age: what one of
its functions cannot tell is None, and says nothing about the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jupyter_scale.model.feed import GpuView

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
    processes = _ask(pynvml.nvmlDeviceGetComputeRunningProcesses_v3, handle)
    return GpuView(
        index=index,
        name=_ask(pynvml.nvmlDeviceGetName, handle) or "GPU",
        utilisation_percent=None if rates is None else float(rates.gpu),
        memory_used_bytes=None if memory is None else int(memory.used),
        memory_total_bytes=None if memory is None else int(memory.total),
        temperature_c=None if heat is None else float(heat),
        power_w=None if power_mw is None else power_mw / 1000,
        processes=None if processes is None else len(processes),
    )


def _ask(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return a function's answer; None when the driver lacks it, or the GPU does not know."""
    import pynvml

    try:
        return function(*arguments)
    except (pynvml.NVMLError, UnicodeDecodeError):
        return None
