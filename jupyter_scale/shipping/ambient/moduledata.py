"""Objects in the globals of the notebook's own modules, and in their classes."""

from __future__ import annotations

import enum
import functools
import logging
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any

from jupyter_scale.shipping.ambient.modules import OwnModules

# What a module's code defines is the same wherever it was run.
_DEFINITIONS = (
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    type,
    logging.Logger,
    functools._lru_cache_wrapper,  # noqa: SLF001 - a function to those who call it
    functools.cached_property,
)


class ModuleData:
    """The keeper of module globals.

    Parameters
    ----------
    modules
        The own modules of this process.
    """

    kind = "module"

    def __init__(self, modules: OwnModules) -> None:
        self._modules = modules
        self._waiting: dict[str, dict[str, Any]] = {}
        self._known: set[str] = set()
        modules.on_run = self._put_waiting

    def read(self) -> dict[str, Any]:
        """Return ``module:attribute → object``."""
        found = {f"{m}:{p}": v for m, values in self._waiting.items() for p, v in values.items()}
        for name, module in self._modules.here.items():
            for path, value in self._data(name, module):
                found[f"{name}:{path}"] = value
        self._known |= found.keys()
        return found

    def _data(self, name: str, module: types.ModuleType) -> Iterator[tuple[str, Any]]:
        is_handmade = "__spec__" not in vars(module) or module.__spec__ is None
        for attribute, value in list(vars(module).items()):
            if attribute.startswith("__") and attribute.endswith("__"):
                continue
            if isinstance(value, type) and value.__module__ == name and not is_handmade:
                yield from self._class_data(name, value)
            if (
                not isinstance(value, _DEFINITIONS)
                or f"{name}:{attribute}" in self._known
                or (is_handmade and isinstance(value, types.FunctionType))
            ) and type(value).__module__ != "typing":
                yield attribute, value

    def _class_data(self, name: str, kind: type) -> Iterator[tuple[str, Any]]:
        if issubclass(kind, enum.Enum):
            return
        for attribute, value in list(vars(kind).items()):
            path = f"{kind.__qualname__}.{attribute}"
            is_data = not (
                attribute.startswith(("__", "_abc_"))
                or hasattr(type(value), "__get__")
                or isinstance(value, _DEFINITIONS)
            )
            if is_data or f"{name}:{path}" in self._known:
                yield path, value

    def put(self, place: str, value: Any) -> None:
        """Set a global, or an attribute of a class; if nobody has imported the module, later."""
        self._known.add(place)
        name, _, path = place.partition(":")
        module = sys.modules.get(name)
        if module is None or name not in self._modules.here:
            self._waiting.setdefault(name, {})[path] = value
        else:
            _set(module, path, value)

    def drop(self, place: str) -> None:
        """Delete a global, or an attribute of a class."""
        self._known.discard(place)
        name, _, path = place.partition(":")
        self._waiting.get(name, {}).pop(path, None)
        module = self._modules.here.get(name)
        if module is not None:
            owner, attribute = _owner(module, path)
            if attribute in vars(owner):
                delattr(owner, attribute)

    def _put_waiting(self, name: str) -> None:
        waiting: Mapping[str, Any] = self._waiting.pop(name, {})
        for path, value in waiting.items():
            _set(sys.modules[name], path, value)


def _set(module: types.ModuleType, path: str, value: Any) -> None:
    owner, attribute = _owner(module, path)
    setattr(owner, attribute, value)


def _owner(module: types.ModuleType, path: str) -> tuple[Any, str]:
    *steps, attribute = path.split(".")
    owner: Any = module
    for step in steps:
        owner = getattr(owner, step)
    return owner, attribute
