"""Which objects processes of one machine share, so that a copy elsewhere would be another thing."""

from __future__ import annotations

import bisect
import ctypes
from pathlib import Path
from typing import Any

_MAPS = Path("/proc/self/maps")


class SharedMaps:
    """Where this process has memory that other processes see; read when it is first needed."""

    def __init__(self) -> None:
        self._spans: list[tuple[int, int]] | None = None

    def has(self, address: int) -> bool:
        """Tell whether what is written at an address can be seen by another process."""
        if self._spans is None:
            self._spans = _read_shared_spans()
        after = bisect.bisect_right(self._spans, (address, 2**64))
        return after > 0 and address < self._spans[after - 1][1]


def _read_shared_spans() -> list[tuple[int, int]]:
    if not _MAPS.exists():
        return []
    spans = []
    for line in _MAPS.read_text().splitlines():
        where, permissions = line.split(maxsplit=2)[:2]
        if permissions.startswith("rw") and permissions.endswith("s"):
            begin, end = where.split("-")
            spans.append((int(begin, 16), int(end, 16)))
    return sorted(spans)


def why_shared(obj: Any, maps: SharedMaps) -> str:
    """Say why processes share an object; empty if they do not."""
    kind = type(obj)
    if kind.__module__.partition(".")[0] == "multiprocessing":
        return f"a {kind.__name__} of multiprocessing joins processes of one machine"
    address = _address(obj)
    if address is not None and maps.has(address):
        return f"a {kind.__name__} in shared memory joins processes of one machine"
    return ""


def _address(obj: Any) -> int | None:
    """Return where an array's or C object's memory is; None for anything else."""
    if isinstance(obj, (ctypes._SimpleCData, ctypes.Array, ctypes.Structure)):  # noqa: SLF001 - the only name of that base
        return ctypes.addressof(obj)
    if hasattr(type(obj), "__array_interface__"):
        return int(obj.__array_interface__["data"][0])
    return None
