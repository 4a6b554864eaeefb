"""Private mappings that nobody has written to: their content needs no second hash.

Values arrive on the cluster as private, copy-on-write mappings of shared memory. A page that was
written to since then is an anonymous one; Linux tells which are (``/proc/self/pagemap``, bit 61,
see Documentation/admin-guide/mm/pagemap.rst). Elsewhere everything counts as written to.
"""

from __future__ import annotations

import array
import ctypes
import mmap
import sys
import weakref
from collections.abc import Sequence
from typing import Any

_ENTRY_BYTES = 8
_PRESENT, _SWAPPED, _FILE = 1 << 63, 1 << 62, 1 << 61

#: Address, size, and bytes of a row.
Key = tuple[int, int, int]


class Mapping:
    """The digests of what lies in one private mapping, as of when they were last computed."""

    def __init__(self) -> None:
        self.digests: dict[Key, tuple[bytes, ...]] = {}


_mappings: weakref.WeakKeyDictionary[mmap.mmap, Mapping] = weakref.WeakKeyDictionary()


def find_mapping(buffer: memoryview) -> tuple[Mapping, int] | None:
    """Return the private mapping in which an array's memory lies, and its address.

    None when the memory is somewhere else, or cannot be observed.
    """
    holder: Any = buffer.obj
    if type(holder).__name__ != "ndarray":
        return None
    address = int(holder.__array_interface__["data"][0])
    while type(holder).__name__ == "ndarray":
        holder = holder.base
    if isinstance(holder, memoryview):
        holder = holder.obj
    if not isinstance(holder, mmap.mmap) or sys.platform != "linux":
        return None
    return _mappings.setdefault(holder, Mapping()), address


def trust(buffer: memoryview, row: int, digests: tuple[bytes, ...]) -> None:
    """Take over the digests of a buffer in a private mapping that has only just been made.

    Whoever wrote what is mapped has computed them.
    """
    holder: Any = buffer.obj
    if isinstance(holder, mmap.mmap) and sys.platform == "linux" and buffer.nbytes:
        address = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
        _mappings.setdefault(holder, Mapping()).digests[address, buffer.nbytes, row] = digests


def written_parts(address: int, nbytes: int, spans: Sequence[tuple[int, int]]) -> list[bool]:
    """Tell for every part of a private mapping whether it may have been written to.

    Parameters
    ----------
    spans
        Where the parts begin and end, in bytes from `address`.
    """
    count = len(spans)
    first, last = address // mmap.PAGESIZE, (address + nbytes - 1) // mmap.PAGESIZE
    entries = array.array("Q")
    try:
        with open("/proc/self/pagemap", "rb", buffering=0) as pagemap:  # noqa: PTH123 - unbuffered
            pagemap.seek(first * _ENTRY_BYTES)
            entries.frombytes(pagemap.read((last - first + 1) * _ENTRY_BYTES))
    except OSError:
        return [True] * count
    if len(entries) != last - first + 1:
        return [True] * count
    # Unchanged parts are usually all there is: compare in bulk before looking closer.
    numpy = sys.modules["numpy"]
    words = numpy.frombuffer(entries, dtype=numpy.uint64)
    present = (words & numpy.uint64(_PRESENT)) != 0
    from_file = (words & numpy.uint64(_FILE)) != 0
    swapped = (words & numpy.uint64(_SWAPPED)) != 0
    written = (present & ~from_file) | swapped
    if not written.any():
        return [False] * count
    before = numpy.concatenate(([0], numpy.cumsum(written)))  # how many pages up to each one
    places = (address + numpy.array(spans)) - (0, 1)
    begin, end = (places // mmap.PAGESIZE - first).T
    counts: list[int] = (before[end + 1] - before[begin]).tolist()
    return [count > 0 for count in counts]
