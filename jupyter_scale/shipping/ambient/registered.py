"""Functions and objects that a cell hands to a library: formatters and log handlers."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from jupyter_scale.shipping.ambient.importing import ImportWatch
from jupyter_scale.shipping.ambient.log import is_engine

_BUILT_IN = ("IPython.lib.pretty", "IPython.core.formatters")
_INLINE = "matplotlib_inline.backend_inline"
_FIGURE = "matplotlib.figure.Figure"


class Formatters:
    """The keeper of what was given to ``for_type`` and ``for_type_by_name``.

    Parameters
    ----------
    shell
        The process's IPython shell.
    watch
        Tells when the inline backend is imported, which then sets figures' formatters anew.
    """

    kind = "formatter"

    def __init__(self, shell: Any, watch: ImportWatch) -> None:
        display = shell.display_formatter
        self._formatters: dict[str, Any] = {
            **display.formatters,
            "ipython_display": display.ipython_display_formatter,
            "mimebundle": display.mimebundle_formatter,
        }
        self._of_figures: dict[str, Any] = {}
        self._own: dict[str, tuple[type, Any]] = {}
        watch.when_imported(_INLINE, self._restore_figures)

    def read(self) -> dict[str, Any]:
        """Return ``format|type → function``; with its type where that is the notebook's own."""
        found: dict[str, Any] = {}
        for mime, formatter in self._formatters.items():
            for (module, name), function in formatter.deferred_printers.items():
                if not _is_built_in(function):
                    found[f"{mime}|{module}.{name}"] = function
            for kind, function in formatter.type_printers.items():
                if not _is_built_in(function):
                    place = f"{mime}|{kind.__module__}.{kind.__qualname__}"
                    is_own = kind.__module__ == "__main__"
                    found[place] = self._pair(place, kind, function) if is_own else function
        return found

    def _pair(self, place: str, kind: type, function: Any) -> tuple[type, Any]:
        pair = self._own.get(place)
        if pair is None or pair[0] is not kind or pair[1] is not function:
            pair = self._own[place] = (kind, function)
        return pair

    def put(self, place: str, value: Any) -> None:
        """Register a function; for a type that nobody has imported here, by the type's name."""
        formatter, module, name = self._find(place)
        if isinstance(value, tuple):
            self._own[place] = value
            formatter.for_type(*value)
            return
        if name == "Figure" and _INLINE not in sys.modules:
            self._of_figures[place] = value
        kind = _find_type(module, name)
        if kind is None:
            formatter.for_type_by_name(module, name, value)
        else:
            formatter.for_type(kind, value)

    def drop(self, place: str) -> None:
        """Take a function out."""
        formatter, module, name = self._find(place)
        self._of_figures.pop(place, None)
        pair = self._own.pop(place, None)
        kind = pair[0] if pair is not None else _find_type(module, name)
        formatter.deferred_printers.pop((module, name), None)
        if kind is not None:
            formatter.type_printers.pop(kind, None)

    def _find(self, place: str) -> tuple[Any, str, str]:
        mime, _, dotted = place.partition("|")
        module, _, name = dotted.rpartition(".")
        return self._formatters[mime], module, name

    def _restore_figures(self, module: ModuleType) -> None:
        of_figures, self._of_figures = self._of_figures, {}
        if not of_figures:
            return
        for formatter in self._formatters.values():
            formatter.pop(module.Figure, None)
        for place, function in of_figures.items():
            self.put(place, function)


def _is_built_in(function: Any) -> bool:
    return getattr(function, "__module__", None) in _BUILT_IN


def _find_type(module: str, name: str) -> type | None:
    kind: Any = sys.modules.get(module)
    for part in name.split("."):
        kind = getattr(kind, part, None)
    return kind if isinstance(kind, type) else None


class NumpyFormatter:
    """The keeper of ``numpy.set_printoptions(formatter=...)``."""

    kind = "numpy"
    _PLACE = "formatter"

    def __init__(self, watch: ImportWatch) -> None:
        self._waiting: Any = None
        watch.when_imported("numpy", self._imported)

    def read(self) -> dict[str, Any]:
        """Return the dict of functions, if there is one."""
        numpy = sys.modules.get("numpy")
        value = numpy.get_printoptions()["formatter"] if numpy is not None else self._waiting
        return {} if value is None else {self._PLACE: value}

    def put(self, place: str, value: Any) -> None:
        """Set the functions."""
        numpy = sys.modules.get("numpy")
        if numpy is None:
            self._waiting = value
        else:
            numpy.set_printoptions(formatter=value)

    def drop(self, place: str) -> None:
        """Take the functions out."""
        self.put(place, None)

    def _imported(self, _module: ModuleType) -> None:
        if self._waiting is not None:
            self.put(self._PLACE, self._waiting)


class LogHandlers:
    """The keeper of loggers' handlers that write to ``sys.stdout``, ``sys.stderr`` or a buffer.

    Those that write to files or over a network stay in the process that made them.
    """

    kind = "handlers"

    def __init__(self) -> None:
        self._lists: dict[str, list[logging.Handler]] = {}

    def read(self) -> dict[str, Any]:
        """Return ``logger → its handlers that travel``, the same list as long as they are."""
        found: dict[str, Any] = {}
        for name, logger in _loggers():
            handlers = [handler for handler in logger.handlers if _travels(handler)]
            if handlers:
                known = self._lists.get(name)
                if known is None or not _are_same(known, handlers):
                    known = self._lists[name] = handlers
                found[name] = known
        return found

    def put(self, place: str, value: Any) -> None:
        """Give a logger these handlers, besides those that stay here."""
        logger = _logger(place)
        logger.handlers[:] = [*(h for h in logger.handlers if not _travels(h)), *value]
        self._lists[place] = value

    def drop(self, place: str) -> None:
        """Take a logger's handlers away."""
        logger = _logger(place)
        logger.handlers[:] = [h for h in logger.handlers if not _travels(h)]


def _loggers() -> Iterator[tuple[str, logging.Logger]]:
    yield "root", logging.root
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and logger.handlers and not is_engine(name):
            yield name, logger


def _logger(name: str) -> logging.Logger:
    return logging.root if name == "root" else logging.getLogger(name)


def _travels(handler: logging.Handler) -> bool:
    if isinstance(handler, logging.FileHandler) or type(handler) is logging._StderrHandler:  # type: ignore[attr-defined]  # noqa: SLF001
        return False
    if isinstance(handler, logging.StreamHandler):
        stream = handler.stream
        return stream in (sys.stdout, sys.stderr) or type(stream) is io.StringIO
    return type(handler) is logging.NullHandler or type(handler).__module__ == "__main__"


def _are_same(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
