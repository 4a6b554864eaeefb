"""Arrays and frames in a stream: their form, and the memory by which they are compared."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

#: Shorter rows are no unit of comparison.
ROW_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Leaf:
    """An array or frame in a stream.

    Attributes
    ----------
    obj, form
        The object; its dtype, shape, and all else but its memory.
    buffers, rows
        Its memory, and of each piece of that the bytes of one row (see `chunk_spans`).
    parts
        The notebook's classes and functions inside a frame.
    """

    obj: Any
    form: bytes
    buffers: tuple[memoryview, ...]
    rows: tuple[int, ...]
    parts: tuple[Any, ...] = ()

    @property
    def key(self) -> bytes:
        """What tells the form from another: itself, and which parts there are."""
        return self.form + b"".join(id(part).to_bytes(8, "little") for part in self.parts)


def leaf_state(leaf: Leaf) -> Any:
    """Return the arguments of `loading.load_whole` that rebuild an object from its form."""
    return leaf.form, [pickle.PickleBuffer(buffer) for buffer in leaf.buffers], leaf.parts


def memory_order(array: Any) -> str:
    """Return ``"F"`` for arrays that are contiguous in Fortran's order only, else ``"C"``."""
    return "C" if array.flags.c_contiguous or not array.flags.f_contiguous else "F"


def array_bytes(array: Any, order: str) -> Any:
    """Return the elements as a flat ``uint8`` array in memory order; copies only if strided."""
    import numpy as np

    contiguous = np.asarray(array, order=order)  # type: ignore[call-overload]
    flat = contiguous.reshape(-1, order=order)
    return flat.view(np.uint8)


def row_bytes(array: Any) -> int:
    """Return the bytes of what lies together in a table's memory, usually a column; 0 if small."""
    if array.ndim != 2 or not array.size:  # noqa: PLR2004 - a table
        return 0
    row = int(array.nbytes // array.shape[0 if memory_order(array) == "C" else 1])
    return row if row >= ROW_BYTES else 0
