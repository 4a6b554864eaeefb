"""Finds what inside a value cannot be pickled, and says by which path it is reached."""

from __future__ import annotations

import io
import types
from collections.abc import Iterator, Mapping
from typing import Any

from jupyter_scale.errors import CannotTravel
from jupyter_scale.shipping.pickler import Pickler

_MAX_CHILDREN = 10_000
_MAX_DEPTH = 50


def explain(name: str, value: Any, namespace: dict[str, Any], error: Exception) -> CannotTravel:  # noqa: ANN401
    """Return the error that names the innermost part of `value` which does not pickle."""
    path, culprit = name, value
    reason = error
    seen = {id(value)}
    for _ in range(_MAX_DEPTH):
        for step, child in _children(culprit):
            if id(child) in seen:
                continue
            seen.add(id(child))
            failure = _failure(child, namespace)
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


def _failure(value: Any, namespace: dict[str, Any]) -> Exception | None:  # noqa: ANN401
    try:
        Pickler(io.BytesIO(), namespace).dump(value)
    except Exception as error:  # noqa: BLE001 - whatever user code in __reduce__ raises
        return error
    return None


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _children(value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Yield ``(path step, child)`` of the parts that pickling would visit."""
    if isinstance(value, types.FunctionType):
        names = value.__code__.co_freevars
        for name, cell in zip(names, value.__closure__ or (), strict=True):
            try:
                yield f".<closure {name}>", cell.cell_contents
            except ValueError:
                continue
        for number, default in enumerate(value.__defaults__ or ()):
            yield f".__defaults__[{number}]", default
    elif isinstance(value, types.MethodType):
        yield ".__self__", value.__self__
    elif isinstance(value, Mapping):
        for count, (key, item) in enumerate(value.items()):
            if count >= _MAX_CHILDREN:
                break
            yield f"[{key!r}]", item
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value[:_MAX_CHILDREN]):
            yield f"[{number}]", item
    elif isinstance(value, (set, frozenset)):
        for item in value:
            yield f".<element {item!r:.40}>", item
    if isinstance(value, type):
        if value.__module__ == "__main__":
            yield from ((f".{name}", item) for name, item in vars(value).items())
    elif not isinstance(value, types.ModuleType):
        own = getattr(value, "__dict__", None)
        if isinstance(own, dict):
            yield from ((f".{name}", item) for name, item in list(own.items()))
