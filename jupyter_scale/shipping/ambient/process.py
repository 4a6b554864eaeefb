"""The interpreter's own settings: environment, search path, directory, filters, limits, locale."""

from __future__ import annotations

import contextlib
import locale
import os
import pickle
import shutil
import sys
import warnings
from typing import Any

from jupyter_scale.shipping.ambient.part import Delta

# Set for one process, and wrong in any other.
_PRIVATE_PREFIXES = (
    "JPY_",
    "IPYKERNEL",
    "JUPYTER_SCALE",
    "DASK_",
    "PYDEVD",
    "JOBLIB_TEMP",
)


class _Process:
    library = ""
    has_defaults = False


class Environment(_Process):
    """``os.environ``, without what belongs to one process."""

    name = "environ"

    def __init__(self) -> None:
        self._raw: Any = None
        self._value: dict[str, str] = {}

    def read(self) -> dict[str, str]:
        """Return the variables."""
        # What ``os.environ`` decodes anew for each reading; 100 times cheaper to compare.
        raw = os.environ._data  # type: ignore[attr-defined]  # noqa: SLF001
        if raw != self._raw:
            self._raw = dict(raw)
            items = os.environ.items()
            self._value = {k: v for k, v in items if not k.startswith(_PRIVATE_PREFIXES)}
        return self._value

    def apply(self, change: Delta) -> None:
        """Set and remove variables."""
        for key in change.unset:
            os.environ.pop(key, None)
        os.environ.update(change.set)


class SearchPath(_Process):
    """``sys.path``."""

    name = "sys_path"

    def read(self) -> list[str]:
        """Return its entries."""
        return sys.path.copy()

    def apply(self, change: list[str]) -> None:
        """Set its entries."""
        sys.path[:] = change


class Directory(_Process):
    """The working directory."""

    name = "cwd"

    def read(self) -> str | None:
        """Return it; None when it was removed under us."""
        try:
            return os.getcwd()  # noqa: PTH109 - the cell's own view of it
        except OSError:
            return None

    def apply(self, change: str) -> None:
        """Go there, if it exists on this machine."""
        with contextlib.suppress(OSError):
            os.chdir(change)


class WarningFilters(_Process):
    """``warnings.filters``.

    Importing a library puts its own filters in front, so they are applied once more after values,
    and with them libraries, were loaded.
    """

    name = "warnings"

    def __init__(self) -> None:
        self._raw: list[Any] | None = None
        self._value: bytes | None = None

    def read(self) -> bytes | None:
        """Return the filters pickled; None when one is for a class that only the notebook has."""
        if self._raw != warnings.filters:
            self._raw = list(warnings.filters)
            self._value = None
            with contextlib.suppress(Exception):
                self._value = pickle.dumps(self._raw, protocol=5)
        return self._value

    def apply(self, change: bytes) -> None:
        """Set the filters, in their order."""
        with contextlib.suppress(Exception):  # a class that does not exist here
            warnings.filters[:] = pickle.loads(change)  # type: ignore[index]
            warnings._filters_mutated()  # type: ignore[attr-defined]  # noqa: SLF001 - as their setters do


class RecursionLimit(_Process):
    """``sys.getrecursionlimit()``."""

    name = "recursion_limit"

    def read(self) -> int:
        """Return the limit."""
        return sys.getrecursionlimit()

    def apply(self, change: int) -> None:
        """Set the limit; one below the present depth is left."""
        with contextlib.suppress(RecursionError):
            sys.setrecursionlimit(change)


class Locale(_Process):
    """The locale of each category."""

    name = "locale"

    def __init__(self) -> None:
        names = ("LC_CTYPE", "LC_COLLATE", "LC_TIME", "LC_MONETARY", "LC_NUMERIC", "LC_MESSAGES")
        self._categories = {n: getattr(locale, n) for n in names if hasattr(locale, n)}

    def read(self) -> dict[str, str]:
        """Return ``category → locale``."""
        return {name: locale.setlocale(number) for name, number in self._categories.items()}

    def apply(self, change: Delta) -> None:
        """Set the categories' locales, where this machine has them."""
        for name, value in change.set.items():
            with contextlib.suppress(locale.Error, KeyError):
                locale.setlocale(self._categories[name], value)


class DecimalContext:
    """Precision, rounding, exponents and traps of ``decimal.getcontext()``."""

    name = "decimal"
    library = "decimal"
    has_defaults = True

    def read(self) -> tuple[Any, ...]:
        """Return all that a context consists of."""
        context = sys.modules["decimal"].getcontext()
        signals = tuple(s.__name__ for s, is_on in context.traps.items() if is_on)
        flags = tuple(s.__name__ for s, is_on in context.flags.items() if is_on)
        form = (context.prec, context.rounding, context.Emin, context.Emax)
        return *form, context.capitals, context.clamp, signals, flags

    def apply(self, change: tuple[Any, ...]) -> None:
        """Change this thread's context in place."""
        decimal = sys.modules["decimal"]
        context = decimal.getcontext()
        context.prec, context.rounding, context.Emin, context.Emax = change[:4]
        context.capitals, context.clamp, traps, flags = change[4:]
        for table, names in ((context.traps, traps), (context.flags, flags)):
            for signal in table:
                table[signal] = signal.__name__ in names


class TerminalSize(_Process):
    """What ``shutil.get_terminal_size()`` finds in the notebook's kernel.

    The kernel may have a terminal, from which its server was started. Other processes have none,
    so there the answer without a terminal is changed.
    """

    name = "terminal"

    def __init__(self, *, is_notebook: bool) -> None:
        self._is_notebook = is_notebook
        self._own = (80, 24)

    def read(self) -> tuple[int, int]:
        """Return columns and lines."""
        if self._is_notebook:
            try:
                columns, lines = os.get_terminal_size(sys.__stdout__.fileno())  # type: ignore[union-attr]
            except (AttributeError, ValueError, OSError):
                columns, lines = 80, 24
            self._own = (columns, lines)
        return self._own

    def apply(self, change: tuple[int, int]) -> None:
        """Make it the answer of a process that has no terminal."""
        if not self._is_notebook:
            self._own = change
            shutil.get_terminal_size.__defaults__ = (change,)
