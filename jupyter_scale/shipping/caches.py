"""Functions under ``functools.lru_cache``: what their cache holds, and how to give it to another.

The cache is C's own. The garbage collector's view of it tells the entries, the least recently used
first (CPython's ``Modules/_functoolsmodule.c``, ``lru_cache_tp_traverse``). Entries are put back by
calling the cached function while its code answers from the record: so every kind of key, the order
and the counts are as the interpreter itself makes them.
"""

from __future__ import annotations

import functools
import gc
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

CachedFunction = functools._lru_cache_wrapper  # noqa: SLF001 - it has no public name

_MAX_COUNT = 10_000
_PLACE = "answer"


@dataclass(frozen=True, slots=True)
class _Insides:
    function: Any
    entries: list[tuple[Any, Any]]
    keyword_mark: object


def _look_inside(cached: Any) -> _Insides:
    # A link shows its key, its result and its type.
    _kind, *links, cache, function, mark, _link_kind, _info_kind, _own = gc.get_referents(cached)
    pairs = zip(links[::3], links[1::3], strict=True) if links else cache.items()
    return _Insides(function, list(pairs), mark)


def is_found_by_name(function: Any) -> bool:
    """Tell whether a function belongs to a library's module, in which each process has its own."""
    module = function.__module__
    found: Any = sys.modules.get(module) if module != "__main__" else None
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is function


def cached_parts(cached: Any) -> tuple[Any, int | None, bool]:
    """Return a cached function's own function, and the ``maxsize`` and ``typed`` of its cache."""
    parameters = cached.cache_parameters()
    return _look_inside(cached).function, parameters["maxsize"], parameters["typed"]


def cache_state(cached: Any) -> tuple[list[Any], int, int, dict[str, Any]]:
    """Return what a cached function holds: entries, hits, misses, attributes.

    An entry is positional arguments, keyword arguments and the result, the least recently used
    entry first.
    """
    insides = _look_inside(cached)
    typed = cached.cache_parameters()["typed"]
    entries = [
        (*_arguments(key, insides.keyword_mark, typed=typed), result)
        for key, result in insides.entries
    ]
    info = cached.cache_info()
    own = {n: v for n, v in vars(cached).items() if n not in {"cache_parameters", "__wrapped__"}}
    return entries, info.hits, info.misses, own


def _arguments(
    key: Any, mark: object, *, typed: bool
) -> tuple[tuple[Any, ...], tuple[tuple[str, Any], ...]]:
    """Take the arguments of a call out of the key under which its result is cached."""
    if not isinstance(key, tuple):
        return (key,), ()
    cut = next((n for n, part in enumerate(key) if part is mark), None)
    if cut is None:
        return key[: len(key) // 2] if typed else key, ()
    rest = key[cut + 1 :]
    if typed:
        # `cut` types of positional and one type of each keyword argument come last.
        rest = rest[: (len(rest) - cut) // 3 * 2]
    return key[:cut], tuple(zip(rest[::2], rest[1::2], strict=True))


def make_cached(function: Any, maxsize: int | None, typed: bool) -> Any:  # noqa: FBT001 - wire
    """Return `function` under an empty cache."""
    return functools.lru_cache(maxsize, typed)(function)


def set_cache_state(cached: Any, state: Any) -> None:
    """Make the cache of a function hold exactly the entries of `state`, with its counts."""
    entries, hits, misses, own = state
    vars(cached).update(own)
    cached.cache_clear()
    function = _look_inside(cached).function
    if not isinstance(function, types.FunctionType):
        return  # only a function's code can be made to answer: the cache begins empty
    results = iter([result for *_, result in entries])
    with _answering(function, lambda: next(results)):
        for arguments, keywords, _ in entries:
            cached(*arguments, **dict(keywords))
        for _ in range(min(hits, _MAX_COUNT) if entries else 0):
            arguments, keywords, _ = entries[-1]
            cached(*arguments, **dict(keywords))
    with _answering(function, _refuse):
        for _ in range(min(misses - len(entries), _MAX_COUNT)):
            try:
                cached(_RefusedError)  # what raises is a miss, and leaves nothing
            except _RefusedError:
                continue


class _RefusedError(Exception):
    pass


def _refuse() -> None:
    raise _RefusedError


@contextmanager
def _answering(function: types.FunctionType, answer: Callable[[], Any]) -> Iterator[None]:
    """Make a function answer every call, without running its own code."""
    own = function.__code__
    constants = tuple(answer if c == _PLACE else c for c in _TEMPLATE.co_consts)
    function.__code__ = _TEMPLATE.replace(co_consts=constants, co_freevars=own.co_freevars)
    try:
        yield
    finally:
        function.__code__ = own


def _template() -> types.CodeType:
    """Return code that takes any arguments and calls its constant `_PLACE`."""
    namespace: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # a str is not callable; an answer is
        exec(f"def f(*args, **keywords): return {_PLACE!r}()", namespace)  # noqa: S102 - ours
    code: types.CodeType = namespace["f"].__code__
    return code


_TEMPLATE = _template()
