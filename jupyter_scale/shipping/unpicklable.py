"""Finds what inside a value cannot be pickled, and says by which path it is reached."""

from __future__ import annotations

import itertools
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jupyter_scale.errors import CannotTravel
from jupyter_scale.shipping.pickler import Pickler
from jupyter_scale.shipping.reducers import RefusedError

_MAX_CHILDREN = 10_000
_MAX_DEPTH = 50


def explain(
    name: str, value: Any, make_pickler: Callable[[], Pickler], error: Exception
) -> CannotTravel:
    """Return the error that names the innermost part of `value` which does not pickle."""
    path, culprit = name, value
    reason = error
    seen = {id(value)}
    for _ in range(_MAX_DEPTH):
        if isinstance(reason, RefusedError) and reason.refused is culprit:
            break
        for step, child in _children(culprit):
            if id(child) in seen:
                continue
            seen.add(id(child))
            failure = _failure(child, make_pickler)
            if failure is not None:
                path, culprit, reason = path + step, child, failure
                break
        else:
            break
    kind = type(culprit)
    type_name = (
        kind.__qualname__
        if kind.__module__ in {"builtins", "__main__"}
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    return CannotTravel(name, path, type_name, _first_line(reason))


def _failure(value: Any, make_pickler: Callable[[], Pickler]) -> Exception | None:
    try:
        make_pickler().dump(value)
    except Exception as error:  # noqa: BLE001 - whatever user code in __reduce__ raises
        return error
    return None


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _children(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield ``(path step, child)`` of the parts that pickling would visit."""
    if isinstance(value, types.FunctionType):
        yield from _function_parts(value)
    elif isinstance(value, types.MethodType):
        yield ".__self__", value.__self__
    else:
        yield from itertools.islice(_items(value), _MAX_CHILDREN)
    if isinstance(value, type):
        if value.__module__ == "__main__":
            yield from ((f".{name}", item) for name, item in vars(value).items())
    elif not isinstance(value, types.ModuleType):
        own = getattr(value, "__dict__", None)
        if isinstance(own, dict):
            yield from ((f".{name}", item) for name, item in list(own.items()))


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from ((f"[{key!r}]", item) for key, item in value.items())
    elif isinstance(value, (list, tuple)):
        yield from ((f"[{number}]", item) for number, item in enumerate(value))
    elif isinstance(value, (set, frozenset)):
        yield from ((f".<element {item!r:.40}>", item) for item in value)


def _function_parts(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    cells = function.__closure__ or ()
    for name, cell in zip(function.__code__.co_freevars, cells, strict=True):
        try:
            yield f".<closure {name}>", cell.cell_contents
        except ValueError:
            continue
    for number, default in enumerate(function.__defaults__ or ()):
        yield f".__defaults__[{number}]", default
