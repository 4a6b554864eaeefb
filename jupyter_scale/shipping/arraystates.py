"""Shallow states of arrays, frames, and the random generators of numpy: see `states`."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from typing import Any

from jupyter_scale.shipping.adapters import Adapter, InPlaceImpossibleError
from jupyter_scale.shipping.fingerprint import CHUNK_BYTES
from jupyter_scale.shipping.leaves import array_bytes, memory_order
from jupyter_scale.shipping.loading import load_whole
from jupyter_scale.shipping.pickler import own_attributes, whole_state


def _get_array(obj: Any) -> Any:
    """Return the elements of an object array; other arrays are compared chunk by chunk."""
    if obj.dtype != object:
        msg = "a structured array holds objects"
        raise InPlaceImpossibleError(msg)
    return obj.shape, obj.ravel().tolist()


def get_array_chunks(obj: Any, runs: Iterable[tuple[int, int]] | None) -> Any:
    """Return the state of an array without objects.

    Parameters
    ----------
    runs
        The first chunk of each run of chunks to return, and the one after its last; None for all.
    """
    order = memory_order(obj)
    flat = array_bytes(obj, order)
    if runs is None:
        pieces = [(0, pickle.PickleBuffer(flat))] if flat.nbytes else []
    else:
        pieces = [
            (n * CHUNK_BYTES, pickle.PickleBuffer(flat[n * CHUNK_BYTES : end * CHUNK_BYTES]))
            for n, end in runs
        ]
    return order, obj.flags.writeable, pieces


def _set_array(obj: Any, state: Any) -> None:
    if len(state) == 2:  # noqa: PLR2004 - an object array: shape, elements
        import numpy as np

        shape, elements = state
        if obj.shape != shape:
            msg = "an array's shape changed in place"
            raise InPlaceImpossibleError(msg)
        fresh = np.empty(len(elements), dtype=object)
        fresh[:] = elements
        obj[...] = fresh.reshape(shape)
        return
    order, writeable, pieces = state
    obj.flags.writeable = True
    contiguous = obj.flags.c_contiguous if order == "C" else obj.flags.f_contiguous
    target = obj if contiguous else obj.copy(order=order)
    flat = array_bytes(target, order)
    for offset, piece in pieces:
        view = memoryview(piece).cast("B")
        flat[offset : offset + view.nbytes] = view
    if target is not obj:
        obj[...] = target
    obj.flags.writeable = writeable


def _set_frame(obj: Any, state: Any) -> None:
    new = load_whole(*state)
    obj.__dict__.pop("_cache", None)
    obj.__dict__.pop("_item_cache", None)
    for name in own_attributes(obj):
        del obj.__dict__[name]
    obj.__setstate__(new.__getstate__() | own_attributes(new))


def _get_index(index: Any) -> Any:
    """Return all that can change of an index of pandas."""
    return list(index.names), getattr(index, "freq", None)


def _set_index(index: Any, state: Any) -> None:
    names, freq = state
    if list(index.names) != names:
        index.names = names
    if getattr(index, "freq", None) != freq:
        index.freq = freq


def _get_bit_generator(obj: Any) -> Any:
    return obj.state


def _set_bit_generator(obj: Any, state: Any) -> None:
    obj.state = state


def _get_generator(obj: Any) -> Any:
    return obj.bit_generator


def _set_generator(obj: Any, bit_generator: Any) -> None:
    if obj.bit_generator is not bit_generator:
        obj.bit_generator.state = bit_generator.state


def _get_random_state(obj: Any) -> Any:
    return obj.get_state(legacy=False)


def _set_random_state(obj: Any, state: Any) -> None:
    obj.set_state(state)


def _get_array_subclass(obj: Any) -> Any:
    import numpy as np

    own = dict(vars(obj))
    plain = np.array(obj.view(np.ndarray), subok=False)
    return obj.shape, plain, list(own.items())


def _set_array_subclass(obj: Any, state: Any) -> None:
    import numpy as np

    shape, plain, own = state
    if obj.shape != shape:
        obj.shape = shape
    obj.view(np.ndarray)[...] = plain
    vars(obj).clear()
    vars(obj).update(own)


_ARRAY_SUBCLASS = Adapter(_get_array_subclass, _set_array_subclass, weak=True)
_FRAME = Adapter(whole_state, _set_frame, is_leaf=True, weak=True)

#: Of an index of pandas; its kinds are many.
INDEX = Adapter(_get_index, _set_index, weak=True)

#: ``module and name of a type → its adapter``: libraries are not imported to find it.
ARRAYS = {
    ("numpy", "ndarray"): Adapter(_get_array, _set_array, is_leaf=True, weak=True),
    ("pandas.core.frame", "DataFrame"): _FRAME,
    ("pandas.core.series", "Series"): _FRAME,
    ("pandas", "DataFrame"): _FRAME,
    ("pandas", "Series"): _FRAME,
    ("numpy.random._generator", "Generator"): Adapter(_get_generator, _set_generator),
    ("numpy.random.mtrand", "RandomState"): Adapter(_get_random_state, _set_random_state),
    **{
        (f"numpy.random._{name.lower()}", kind): Adapter(_get_bit_generator, _set_bit_generator)
        for name, kind in (
            ("pcg64", "PCG64"),
            ("pcg64", "PCG64DXSM"),
            ("mt19937", "MT19937"),
            ("philox", "Philox"),
            ("sfc64", "SFC64"),
        )
    },
    ("numpy", "matrix"): _ARRAY_SUBCLASS,
    ("numpy", "recarray"): _ARRAY_SUBCLASS,
    ("numpy.rec", "recarray"): _ARRAY_SUBCLASS,
    ("numpy.ma", "MaskedArray"): _ARRAY_SUBCLASS,
}
