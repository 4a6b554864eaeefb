"""Where a loop's items come from, and whether they may be taken before their turn.

Taking items ahead of the iterations must not be noticed: neither by the iterations, which might
change what the items come from, nor by whoever goes on with the same iterator after a failure.
"""

from __future__ import annotations

import copy
import gc
import inspect
import itertools
import operator
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from jupyter_scale.runner.host.loops.seeds import Generators
from jupyter_scale.runner.host.recorded import Output, recording

_SAFE: tuple[type, ...] = (
    list, tuple, range, str, bytes, dict, set, frozenset, deque, bytearray,
    type({}.keys()), type({}.values()), type({}.items()),
    type(iter([])), type(iter(())), type(iter(range(0))), type(iter("")), type(iter({})),
    type(iter(set())), type(iter({}.values())), type(iter({}.items())), type(reversed([])),
    itertools.product, itertools.combinations, itertools.permutations,
    itertools.combinations_with_replacement, types.MappingProxyType,
)  # fmt: skip
_WRAPPERS = (enumerate, zip)
_SAFE_NAMES = frozenset({
    ("numpy", "ndarray"), ("collections", "OrderedDict"), ("collections", "Counter"),
    ("collections", "defaultdict"), ("pandas", "Series"), ("pandas.core.series", "Series"),
    ("pandas", "Index"), ("pandas.core.indexes.base", "Index"), ("pandas", "RangeIndex"),
    ("pandas.core.indexes.range", "RangeIndex"), ("pandas", "DataFrame"),
    ("pandas.core.frame", "DataFrame"), ("pandas", "DatetimeIndex"),
    ("pandas.core.indexes.datetimes", "DatetimeIndex"),
})  # fmt: skip


class _BySubscript:
    def __getitem__(self, index: int) -> None:
        raise IndexError(index)


#: A copy of these goes its own way; of these another iterator can be had.
_COPIED: tuple[type, ...] = (
    type(iter([])), type(iter(())), type(iter(range(0))), type(iter("")), type(iter(bytearray())),
    type(reversed([])), type(iter(_BySubscript())),
)  # fmt: skip
_ANEW: tuple[type, ...] = (
    dict,
    set,
    frozenset,
    deque,
    type({}.keys()),
    type({}.values()),
    type({}.items()),
)
#: Their generators give results of pools as they come: what is waited for runs already.
_POOLS = ("concurrent.futures", "joblib")
#: They know how many items are left.
_EXACT = (type(iter(range(0))), type(iter(())))
_second = operator.itemgetter(1)

#: An iterator of a zip of enumerated views of a dictionary is four steps away from it.
_DEPTH = 5


@dataclass(frozen=True, slots=True)
class Taken:
    """Items that were taken before their turn, and what was written when the first was made."""

    items: list[Any]
    prelude: list[Output]


class Source:
    """The items of one loop.

    Parameters
    ----------
    iterable
        What the loop goes through.
    is_shared
        Somebody else can go on with it.
    replay
        Shows what was written when an item was made ahead of its turn.

    Attributes
    ----------
    length
        How many items there are in all, None if nobody knows.
    taken
        How many were taken so far.
    failure
        What taking an item ahead of its turn raised; it counts when its turn comes.
    why
        Why items may not be taken ahead; empty if they may.
    generators
        Generators of the user that make the items: what they read must not change meanwhile.
    """

    def __init__(
        self, iterable: Iterable[Any], replay: Callable[[list[Output]], None], *, is_shared: bool
    ) -> None:
        iterable, self._bar = _without_bar(iterable)
        self.length = _length(iterable)
        self.taken = 0
        self.failure: BaseException | None = None
        self._replay = replay
        self._returned: deque[tuple[Any, list[Output]]] = deque()
        self._last_words: list[Output] = []
        self._is_exhausted = self._is_uncounted = False
        self._count_from: tuple[Any, int] | None = None
        self._iterable = iterable
        self._mark: tuple[int, Iterator[Any]] | None = None
        self._iterator = self._plain = iter(iterable)
        makers = _generators(iterable)
        if makers is None and isinstance(self._iterator, types.GeneratorType):
            makers = [self._iterator]
        self.generators = makers or []
        #: ``id()`` of frames whose rows do not change with them.
        self.detached = {id(f) for f in map(_iterated_frame, self.generators) if f is not None}
        self.why = ""
        if makers is None:
            self.why = f"items come from a {type(iterable).__name__}"
        elif any(map(_is_of_pool, self.generators)):
            self.why = "items come from a pool"
        elif makers and is_shared and self._iterator is iterable:
            self.why = "items come from a generator that has a name"

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        """Return the next item in its turn."""
        if not self._returned and self.failure is None and not self._is_exhausted:
            item = self._first() if self.generators and not self.taken else next(self._iterator)
        else:
            item, written = self._returned.popleft() if self._returned else self._finish()
            self._replay(written)
        self.taken += 1
        return item

    def _first(self) -> Any:
        """Return a generator's first item; one that draws random numbers must not run ahead."""
        before = Generators()
        item = next(self._iterator)
        if not before.are_as_before():
            self.why = "its items draw random numbers"
        return item

    def _finish(self) -> tuple[Any, list[Output]]:
        self._replay(self._last_words)
        self._last_words = []
        failure, self.failure = self.failure or StopIteration(), None
        raise failure

    def uncounted(self) -> Iterator[Any]:
        """Return the items that are left, in their turn: nothing can be cheaper."""
        if not self._is_untouched:
            return self
        self._is_uncounted = True
        return self._iterator

    def reached(self) -> int | None:
        """Return how many items were taken, also of those that nobody counts; None: not known."""
        self.settle()
        return _place_of(self._plain, self.length) if self._is_uncounted else self.taken

    @property
    def _is_untouched(self) -> bool:
        return not self._returned and self.failure is None and not self._is_exhausted

    def some(self, number: int) -> Iterator[Any]:
        """Return the next items in their turn, at most so many; `settle` must follow.

        They are limited and counted without any code of ours between two of them.
        """
        if not self._is_untouched or (self.generators and not self.taken):
            return itertools.islice(self, number)
        if type(self._iterator) in _EXACT:
            self._count_from = self._iterator, operator.length_hint(self._iterator)
            return itertools.islice(self._iterator, number)
        limit, counter = itertools.repeat(None, number), itertools.repeat(None, number)
        self._count_from = counter, number
        return map(_second, zip(limit, self._iterator, counter, strict=False))

    def settle(self) -> None:
        """Count what `some` has given."""
        if self._count_from is not None:
            counter, before = self._count_from
            self.taken += before - operator.length_hint(counter)
            self._count_from = None

    def take(self, number: int) -> Taken:
        """Return the next items before their turn, at most so many.

        Fewer come if making an item writes something: that has to be shown before its iteration.
        What goes wrong is kept until it is its turn.
        """
        if not self.generators:
            return self._take_many(number)
        taken = Taken([], [])
        while len(taken.items) < number:
            if not self._returned and (self._is_exhausted or self.failure is not None):
                break
            try:
                item, written = self._fetch()
            except StopIteration:
                self._is_exhausted = True
                break
            except BaseException as failure:  # noqa: BLE001 - it is raised in its turn
                self.failure = failure
                break
            if written and taken.items:
                self._returned.appendleft((item, written))
                break
            taken.prelude.extend(written)
            taken.items.append(item)
        self.taken += len(taken.items)
        return taken

    def _take_many(self, number: int) -> Taken:
        """Do as `take` where making an item runs no code of the user's."""
        items = [self._returned.popleft()[0] for _ in range(min(number, len(self._returned)))]
        if not self._is_exhausted and self.failure is None:
            try:
                items.extend(itertools.islice(self._iterator, number - len(items)))
                self._is_exhausted = len(items) < number
            except BaseException as failure:  # noqa: BLE001 - it is raised in its turn
                self.failure = failure
        self.taken += len(items)
        return Taken(items, [])

    def _fetch(self) -> tuple[Any, list[Output]]:
        if self._returned:
            return self._returned.popleft()
        with recording() as written:
            try:
                return next(self._iterator), written
            except BaseException:
                self._last_words = written
                raise

    def has_more(self) -> bool:
        """Tell whether there is another item, or a failure to come."""
        self.put_back(self.take(1))
        return bool(self._returned) or self.failure is not None

    def put_back(self, taken: Taken) -> None:
        """Return items that were taken; they come again, in their order."""
        self.taken -= len(taken.items)
        for number, item in reversed(list(enumerate(taken.items))):
            self._returned.appendleft((item, [] if number else taken.prelude))

    def mark(self) -> None:
        """Remember this place: items are going to be taken before their turn."""
        fork = self._fork()
        self._mark = None if fork is None else (self.taken, fork)

    def peek(self) -> list[Any]:
        """Return the next item, or nothing where that cannot be had without a trace."""
        fork = self._fork()
        return [] if fork is None else list(itertools.islice(fork, 1))

    def _fork(self) -> Iterator[Any] | None:
        can_fork = self._is_untouched and not self.generators
        return _forked(self._iterator, self._iterable, self.taken) if can_fork else None

    def go_back(self) -> None:
        """Go on from where items have been used up to, with what is there by then.

        Items that were put back may no longer be what an iteration in its turn finds.
        """
        if self._mark is not None:
            place, fork = self._mark
            next(itertools.islice(fork, self.taken - place, self.taken - place), None)
            # Others may hold the iterator: it is at its end when the loop is.
            self._iterator, self._plain = itertools.chain(fork, _exhausted(self._iterator)), fork
            self._returned.clear()
            self._is_exhausted, self.failure, self._mark = False, None, None

    @property
    def left(self) -> int | None:
        """How many items are left, None if nobody knows."""
        return None if self.length is None else max(0, self.length - self.taken)

    def comes_from(self, objects: Iterable[Any]) -> bool:
        """Tell whether the items are those of one of these objects."""
        wanted, found = set(map(id, objects)), [self._iterator]
        wanted -= self.detached
        for _ in range(_DEPTH):
            found = [inner for each in found for inner in (each, *gc.get_referents(each))]
            if wanted.intersection(map(id, found)):
                return True
            found = [each for each in found if _is_way(each)]
        return False

    @property
    def has_bar(self) -> bool:
        """Whether the loop has a progress bar of its own."""
        return self._bar is not None

    def show(self, iterations: int) -> None:
        """Advance the loop's own progress bar, if it has one."""
        if self._bar is not None:
            self._bar.update(iterations)

    def close(self) -> None:
        """End the loop's own progress bar."""
        if self._bar is not None:
            self._bar.close()


_Generators = list["types.GeneratorType[Any, Any, Any]"]


def can_take_ahead(iterable: Any) -> bool:
    """Tell whether taking items from it runs no code that might look at the iterations' work."""
    return _generators(iterable) == []


def _is_of_pool(generator: types.GeneratorType[Any, Any, Any]) -> bool:
    frame = generator.gi_frame
    module = "" if frame is None else str(frame.f_globals.get("__name__", ""))
    return module.startswith(_POOLS)


def _generators(iterable: Any) -> _Generators | None:
    """Return the generators that make an iterable's items; None if something else makes them."""
    kind = type(iterable)
    if kind in _SAFE or (kind.__module__, kind.__qualname__) in _SAFE_NAMES:
        return []
    if kind is types.GeneratorType:
        return [iterable]
    if kind is map:
        function, *parts = _arguments(iterable)
        return _generators_of(parts) if _is_harmless(function) else None
    return _generators_of(_wrapped(iterable)) if kind in _WRAPPERS else None


def _generators_of(parts: Iterable[Any]) -> _Generators | None:
    found: _Generators = []
    for part in parts:
        more = _generators(part)
        if more is None:
            return None
        found += more
    return found


def _is_harmless(function: Any) -> bool:
    """Tell whether a function that makes items is known: pandas' ``itertuples`` has such ones."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, type) and issubclass(owner, tuple):
        return getattr(function, "__name__", "") == "_make"
    if isinstance(function, types.BuiltinMethodType):
        return type(owner).__module__ == "numpy"
    return function in {int, float, str, bool, list, tuple, set, dict, complex, bytes, len, abs}


def _wrapped(wrapper: Any) -> list[Any]:
    """Return what an ``enumerate`` or ``zip`` goes through."""
    return [part for part in _arguments(wrapper) if not isinstance(part, int)]


def _arguments(wrapper: Any) -> Any:
    return wrapper.__reduce__()[1]


def _exhausted(iterator: Iterator[Any]) -> Iterator[Any]:
    """Go through an iterator; yield nothing."""
    deque(iterator, maxlen=0)
    yield from ()


def _forked(iterator: Any, iterable: Any, taken: int) -> Iterator[Any] | None:
    """Return an iterator that goes on from the same place by itself, None if there is none."""
    kind = type(iterator)
    if kind in (*_WRAPPERS, map):
        parts = [
            part if isinstance(part, int) or callable(part) else _forked(part, None, 0)
            for part in _arguments(iterator)
        ]
        forked: Iterator[Any] | None = kind(*parts) if None not in parts else None
        return forked
    if kind in _COPIED:
        copied: Iterator[Any] = copy.copy(iterator)
        return copied
    return itertools.islice(iterable, taken, None) if type(iterable) in _ANEW else None


def _place_of(iterator: Any, length: int | None) -> int | None:
    """Return how many items an iterator has given, of so many in all; None if it does not say."""
    kind = type(iterator)
    if kind in (*_WRAPPERS, map):
        parts = [_place_of(part, length) for part in _wrapped(iterator) if not callable(part)]
        known = [part for part in parts if part is not None]
        return max(known) if len(known) == len(parts) and known else None
    if kind is type(iter([])):  # the list may have grown meanwhile
        state = iterator.__reduce__()[2:]
        return state[0] if state else None
    if length is None or not hasattr(kind, "__length_hint__"):
        return None
    place = length - operator.length_hint(iterator)
    return place if place >= 0 else None


def _iterated_frame(generator: types.GeneratorType[Any, Any, Any]) -> Any:
    """Return the frame whose ``iterrows()`` this is, if that goes through a copy; else None."""
    frame: Any = inspect.getgeneratorlocals(generator).get("self")
    is_rows = generator.gi_code.co_name == "iterrows" and type(frame).__name__ == "DataFrame"
    # The values of columns of one type may be the frame's own memory.
    return frame if is_rows and len(set(map(str, frame.dtypes))) > 1 else None


def _is_way(obj: Any) -> bool:
    """Tell whether an object is only a way to go through another one."""
    return hasattr(obj, "__next__") or type(obj) in _SAFE[8:] or type(obj) is tuple


def _length(iterable: Any) -> int | None:
    if type(iterable) in _WRAPPERS:
        lengths = [_length(part) for part in _wrapped(iterable)]
        known = [length for length in lengths if length is not None]
        return min(known) if len(known) == len(lengths) and known else None
    try:
        return len(iterable)
    except TypeError:
        hint: Callable[[], Any] | None = getattr(iterable, "__length_hint__", None)
        length = hint() if hint is not None else None
        return length if isinstance(length, int) else None


def _without_bar(iterable: Any) -> tuple[Any, Any]:
    """Return what a ``tqdm`` goes through, and the bar; for anything else itself, and None.

    The bar would count items as they are taken; it has to count iterations that are done.
    """
    if type(iterable) is enumerate:
        inside, start = _arguments(iterable)
        inner, bar = _without_bar(inside)
        return (enumerate(inner, start), bar) if bar is not None else (iterable, None)
    if type(iterable) is zip:
        parts = [_without_bar(part) for part in _wrapped(iterable)]
        bars = [bar for _, bar in parts if bar is not None]
        if len(bars) == 1:
            return zip(*(part for part, _ in parts), strict=False), bars[0]
        return iterable, None
    if isinstance(iterable, types.GeneratorType):
        is_new = inspect.getgeneratorstate(iterable) == inspect.GEN_CREATED
        owner: Any = inspect.getgeneratorlocals(iterable).get("self") if is_new else None
        if _is_bar(owner) and iterable.gi_code.co_name == "__iter__":
            return owner.iterable, owner
        return iterable, None
    return (iterable.iterable, iterable) if _is_bar(iterable) else (iterable, None)


def _is_bar(obj: Any) -> bool:
    tqdm = sys.modules.get("tqdm")
    return tqdm is not None and isinstance(obj, tqdm.tqdm) and obj.iterable is not None
