"""Tells when a library has been imported, so that settings are in force for whoever did it.

A finder at the front of ``sys.meta_path`` finds modules as the others do; for those that are waited
for, the loader calls back after it has run the module. Nothing is imported that is not asked for.
"""

from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Protocol

Callback = Callable[[ModuleType], None]


class Source(Protocol):
    """Knows modules that must be made from something else than what is on the path."""

    def find(self, name: str) -> importlib.machinery.ModuleSpec | None:
        """Return how the module is to be made, None to leave it to the path."""

    def is_own(self, spec: importlib.machinery.ModuleSpec) -> bool:
        """Tell whether `loaded` is to be called for this module."""

    def loaded(self, module: ModuleType) -> None:
        """Take note of a module that was just run (again)."""


class ImportWatch:
    """The finder; `install` puts it in force, `remove` takes it out.

    Attributes
    ----------
    source
        Where modules of the notebook's own come from.
    """

    def __init__(self) -> None:
        self._callbacks: dict[str, list[Callback]] = {}
        self.source: Source | None = None

    def install(self) -> None:
        """Be the first to be asked."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Be asked no more."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def when_imported(self, name: str, callback: Callback) -> None:
        """Call back each time that a module has been run."""
        self._callbacks.setdefault(name, []).append(callback)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a module as the import system asks for it."""
        source = self.source
        if source is not None and (spec := source.find(name)) is not None:
            return spec
        callbacks = list(self._callbacks.get(name, ()))
        if not callbacks and (source is None or name.partition(".")[0] in sys.stdlib_module_names):
            return None
        spec = self._find_elsewhere(name, path, target)
        if spec is None or spec.loader is None:
            return None
        if source is not None and source.is_own(spec):
            callbacks.append(source.loaded)
        if not callbacks:
            return spec
        call_after(spec.loader, callbacks)
        return spec

    def _find_elsewhere(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> importlib.machinery.ModuleSpec | None:
        for finder in sys.meta_path:
            find: Any = getattr(finder, "find_spec", None)
            if finder is not self and find is not None:
                spec: importlib.machinery.ModuleSpec | None = find(name, path, target)
                if spec is not None:
                    return spec
        return None


def is_imported(name: str) -> bool:
    """Tell whether a module has been imported, and not only begun to be."""
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None)
    return module is not None and not getattr(spec, "_initializing", False)


def call_after(loader: Any, callbacks: Sequence[Callback]) -> None:
    """Make a loader call back when it has run a module."""
    run = getattr(loader, "exec_module", None)
    if run is None:
        return

    def exec_module(module: ModuleType) -> None:
        del loader.exec_module  # for whoever pickles a module with its loader
        run(module)
        for callback in callbacks:
            callback(module)

    try:
        loader.exec_module = exec_module
    except AttributeError:  # a loader without attributes of its own: extension modules have some
        return
