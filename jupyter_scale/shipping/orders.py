"""The iteration order of sets: how it is lost on the way, and how it is restored.

A set iterates in the order of its hash table's slots. Which slot an element has depends on its
hash, on the table's size, and on what was there before it, also what has been removed since. So a
set that is built in its own iteration order often iterates in another one.

1. The sender reads the slots, and derives an order of insertion that leads to them again.
2. The receiver gives its set a table of that size, blocks the slots of what was removed, and
   inserts in that order. Where both processes hash alike (numbers; text under one
   ``PYTHONHASHSEED``; tuples of such) every element is in its slot again.
3. Neither side relies on it: a set whose table does not look as expected travels as it always did,
   and whatever the table becomes, the elements are the same.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

#: ``(set, its elements in order of insertion, slots to block, size of the table)``.
Recipe = tuple[Any, list[Any], list[int], int]
_MOST = 200_000  # about a second; larger sets iterate as they come
_LINEAR_PROBES = 9
_PERTURB_SHIFT = 5
_WORD_MASK = (1 << 64) - 1


class _Head(ctypes.Structure):
    """The public fields with which a set begins in CPython."""

    _fields_ = (
        ("fill", ctypes.c_ssize_t),
        ("used", ctypes.c_ssize_t),
        ("mask", ctypes.c_ssize_t),
        ("table", ctypes.c_void_p),
    )


class _Slot(ctypes.Structure):
    _fields_ = (("key", ctypes.c_void_p), ("hash", ctypes.c_ssize_t))


def dump_orders(pickler: Any, written: Iterable[Any] = ()) -> dict[int, Any]:
    """Append how to rebuild sets to a stream, a list for `rebuild`; return the pickler's memo.

    Parameters
    ----------
    written
        Objects whose content the stream has, though they themselves are not in the memo.
    """
    memo: dict[int, Any] = dict(pickler.memo.copy().values())
    recipes = find_recipes([*memo.values(), *written])
    pickler.dump(recipes)
    return dict(pickler.memo.copy().values()) if recipes else memo


def find_recipes(objects: Iterable[Any]) -> list[Recipe]:
    """Return how to rebuild the sets among `objects` that would come to iterate differently."""
    recipes = []
    for obj in objects:
        if type(obj) is set and 1 < len(obj) <= _MOST and not _survives(obj):
            recipe = _recipe(obj)
            if recipe is not None:
                recipes.append(recipe)
    return recipes


def why_loose(value: object, *, same_text_hash: bool) -> str:
    """Say why a set iterates in another order in the other process; empty if it should not.

    Parameters
    ----------
    same_text_hash
        Both processes hash text alike.
    """
    if not isinstance(value, (set, frozenset)) or len(value) < 2:  # noqa: PLR2004
        return ""
    for element in value:
        why = _why_other_hash(element, same_text_hash=same_text_hash)
        if why:
            return why
    if type(value) is not set:
        return "" if len(value) < 3 else f"a {type(value).__name__} cannot be put in order again"  # noqa: PLR2004
    return "it is too large to be put in order again" if len(value) > _MOST else ""


def _why_other_hash(element: object, *, same_text_hash: bool) -> str:
    kind = type(element)
    if isinstance(element, (tuple, frozenset)):
        whys = (_why_other_hash(part, same_text_hash=same_text_hash) for part in element)
        return next(filter(None, whys), "")
    if kind.__hash__ is object.__hash__ or (element is None and sys.version_info < (3, 12)):
        return f"a {kind.__name__} hashes by its address"
    if not same_text_hash and not isinstance(element, (int, float, complex)):
        return "text hashes differently there (start the kernel with a PYTHONHASHSEED)"
    return ""


def _survives(obj: set[Any]) -> bool:
    made: set[Any] = set()
    for element in obj:  # one by one, as an unpickler does
        made.add(element)
    return all(a is b for a, b in zip(made, obj, strict=True))


def _recipe(obj: set[Any]) -> Recipe | None:
    slots = _read_slots(obj)
    if slots is None:
        return None
    elements = list(obj)
    place_of = {place: index for index, place in enumerate(slots.places)}
    order: list[int] = []
    state = [0] * len(elements)  # 1: waits for others, 2: is in `order`
    for first in range(len(elements)):
        todo = [first]
        while todo:
            index = todo[-1]
            if state[index] == 2:  # noqa: PLR2004
                todo.pop()
                continue
            waiting = [
                place_of[place]
                for place in _probes_before(
                    slots.hashes[index], len(slots) - 1, slots.places[index]
                )
                if place in place_of and state[place_of[place]] != 2  # noqa: PLR2004
            ]
            if not waiting:
                state[index] = 2
                order.append(index)
                todo.pop()
            elif state[index] == 1:
                return None  # each waits for the other: not the table that we took it for
            else:
                state[index] = 1
                todo += waiting
    return obj, [elements[index] for index in order], slots.blocked, len(slots)


class _Slots:
    """Where the elements of a set are, in order; which slots are blocked by what was removed."""

    def __init__(self, places: list[int], hashes: list[int], blocked: list[int], size: int) -> None:
        self.places, self.hashes, self.blocked, self._size = places, hashes, blocked, size

    def __len__(self) -> int:
        """Return the size of the table."""
        return self._size


def _read_slots(obj: set[Any]) -> _Slots | None:
    """Read a set's table; None unless everything about it is as expected."""
    if sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_void_p) != 8:  # noqa: PLR2004
        return None
    head = _Head.from_address(id(obj) + object.__basicsize__)
    size = head.mask + 1
    if head.used != len(obj) or not head.used <= head.fill < size or size & head.mask:
        return None
    outside = size * ctypes.sizeof(_Slot) if size > 8 else 0  # noqa: PLR2004 - these are inside
    if sys.getsizeof(obj) != sys.getsizeof(set()) + outside or not head.table:
        return None
    table = (_Slot * size).from_address(head.table)
    ids = [id(element) for element in obj]
    wanted = iter(ids)
    expected = next(wanted)
    places: list[int] = []
    hashes: list[int] = []
    blocked: list[int] = []
    for place, slot in enumerate(table):
        if slot.key is None:
            continue
        if slot.key == expected:
            places.append(place)
            hashes.append(slot.hash)
            expected = next(wanted, 0)
        else:
            blocked.append(place)
    if len(places) != head.used or len(places) + len(blocked) != head.fill:
        return None
    return _Slots(places, hashes, blocked, size)


def _probes_before(hashed: int, mask: int, place: int) -> Iterator[int]:
    """Yield the slots at which CPython looks before it comes to `place`."""
    perturb = hashed & _WORD_MASK
    start = perturb & mask
    for _ in range(2 * mask + 64):
        last = start + _LINEAR_PROBES if start + _LINEAR_PROBES <= mask else start
        for probe in range(start, last + 1):
            if probe == place:
                return
            yield probe
        perturb >>= _PERTURB_SHIFT
        start = (start * 5 + 1 + perturb) & mask


class _Blocker:
    """Takes one slot of a table; equal to nothing else."""

    __slots__ = ("_place",)

    def __init__(self, place: int) -> None:
        self._place = place

    def __hash__(self) -> int:
        return self._place

    def __eq__(self, other: object) -> bool:
        return self is other


def rebuild(target: set[Any], order: Sequence[Any], blocked: Sequence[int], size: int) -> None:
    """Insert a set's own elements again, into a table of a certain size.

    A dictionary that is merged into a set makes room for twice its length at once, and goes in in
    order. Keys that only make it longer come last, and go out again.
    """
    if len(target) != len(order):
        return  # equal elements met on the way: there is no such table
    blockers = [_Blocker(place) for place in blocked]
    inserted = [*blockers, *order]
    at_once = min(len(inserted), size // 2 - 1)
    longer = [_Blocker(-2) for _ in range(max(0, _least_length(size) - at_once))]
    target.clear()
    target.update(dict.fromkeys([*inserted[:at_once], *longer]))
    for filler in longer:  # one by one: removed at once, they might take their table along
        target.remove(filler)
    for element in inserted[at_once:]:
        target.add(element)
    for blocker in blockers:
        target.remove(blocker)


def _least_length(size: int) -> int:
    """Return how long a dictionary has to be for a table of this size."""
    return {8: 0, 16: 5}.get(size, size // 4)
