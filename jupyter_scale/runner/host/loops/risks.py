"""Which effects of an iteration cannot fail: those that may are carried out before the others.

If an effect fails when nothing else of its iteration is done yet, the iteration can simply run in
its place, and fails there as the plain loop does. So what may fail comes first, as far as effects
on different objects can change places without a trace.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Sequence
from typing import Any

from jupyter_scale.analysis.effects import Receiver

_MAPPINGS = (dict, OrderedDict, defaultdict, Counter)
_HASHABLE = (int, float, str, bytes, bool, complex, type(None))
_ITERABLE = (list, tuple, set, frozenset, dict, range, str)
_REAL = (int, float, bool)
_MOST_EXACT = 2**53

#: ``number of the receiver, operands``.
Wanted = tuple[int, tuple[Any, ...]]


def arrange(
    effects: Sequence[Wanted], receivers: Sequence[Receiver], roots: Sequence[Any]
) -> Sequence[Wanted] | None:
    """Return an iteration's effects in the order in which to carry them out.

    Returns
    -------
    list or None
        None if the iteration had better run in its place: more than one effect may fail.
    """
    if len(effects) < 2:  # noqa: PLR2004 - nothing can be done before it
        return effects
    risky = [n for n, (which, operands) in enumerate(effects)
             if not _is_safe(receivers[which], roots[which], operands)]  # fmt: skip
    if not risky or risky == [0]:
        return effects
    [first, *more] = risky
    root = receivers[effects[first][0]].root
    if more or any(receivers[which].root == root for which, _ in effects[:first]):
        return None
    return [effects[first], *effects[:first], *effects[first + 1 :]]


def _is_safe(receiver: Receiver, root: Any, operands: tuple[Any, ...]) -> bool:
    """Tell whether carrying out an effect certainly does not fail."""
    change, last = receiver.change, operands[-1] if operands else None
    if change == "=":
        return _can_add(root, last)
    if change.startswith(".") or receiver.is_augmented:
        return not (receiver.steps or receiver.is_augmented)
    if change == "[]":
        is_near = not receiver.steps or _is_frame_step(receiver, root)
        return is_near and _can_set(receiver, root, operands)
    if any(step == "[]" for step in receiver.steps):
        return False  # what it is to change may not be there
    if change in {"add", "discard", "setdefault"}:
        return bool(operands) and _is_hashable(operands[0])
    return change in {"append", "appendleft"} or type(last) in _ITERABLE


def _is_frame_step(receiver: Receiver, root: Any) -> bool:
    return receiver.steps in {(".loc",), (".at",)} and type(root).__name__ == "DataFrame"


def _is_hashable(value: Any) -> bool:
    if type(value) is tuple:
        return all(map(_is_hashable, value))
    return isinstance(value, _HASHABLE)


def _can_add(value: Any, other: Any) -> bool:
    if isinstance(value, _REAL) and isinstance(other, _REAL):
        return True
    return type(value) is type(other) and type(value) in {str, list, bytes, tuple}


def _can_set(receiver: Receiver, root: Any, operands: tuple[Any, ...]) -> bool:
    if receiver.key is None or len(operands) < 2:  # noqa: PLR2004 - a constant is among them
        return type(root) in _MAPPINGS and receiver.key is None
    value, key = operands[0], operands[receiver.key]
    if type(root) in _MAPPINGS:
        return _is_hashable(key)
    if type(root) in (list, deque):
        return type(key) is int and -len(root) <= key < len(root)
    if _is_frame_step(receiver, root):
        return _fits_frame(root, key, value)
    if type(root).__name__ == "ndarray":
        return _fits_array(root, key, value)
    return False


def _fits_array(array: Any, key: Any, value: Any) -> bool:
    keys = key if type(key) is tuple else (key,)
    if len(keys) != array.ndim or not all(type(k) is int for k in keys):
        return False
    is_inside = all(-size <= k < size for k, size in zip(keys, array.shape, strict=True))
    return is_inside and _fits(array.dtype.kind, value)


def _fits_frame(frame: Any, key: Any, value: Any) -> bool:
    if type(key) is not tuple or len(key) != 2 or not _is_hashable(key):  # noqa: PLR2004
        return False
    row, column = key
    if not (frame.index.is_unique and frame.columns.is_unique):
        return False
    if row not in frame.index or column not in frame.columns:
        return False
    return _fits(frame[column].dtype.kind, value)


def _fits(kind: str, value: Any) -> bool:
    """Tell whether a number can be put among others of a numpy kind."""
    if isinstance(value, float):
        return kind == "f"
    is_small = type(value) is int and abs(value) < _MOST_EXACT
    return is_small and kind in {"i", "f"}
