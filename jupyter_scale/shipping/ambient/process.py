"""The interpreter's own settings: environment, search path, directory, filters, limits, locale."""

from __future__ import annotations

import contextlib
import locale
import os
import pickle
import shutil
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_scale.shipping.ambient.part import Delta
from jupyter_scale.shipping.ambient.sites import MIRROR, Crossing, Site, is_travelling

# Set for one process, and wrong in any other.
_PRIVATE_PREFIXES = (
    "JPY_",
    "IPYKERNEL",
    "JUPYTER_SCALE",
    "DASK_",
    "PYDEVD",
    "JOBLIB_TEMP",
)
# Right on one machine, and wrong on any other.
_OF_A_MACHINE_PREFIXES = ("CONDA", "DBUS_", "JUPYTER", "PYTHON", "SSH_", "VIRTUAL_ENV", "XDG_")
_OF_A_MACHINE = frozenset(
    {"PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "HOME", "USER", "LOGNAME", "SHELL", "HOSTNAME"}
    | {"PWD", "OLDPWD", "SHLVL", "_", "TMPDIR", "TMP", "TEMP", "DISPLAY", "WAYLAND_DISPLAY", "MAIL"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "KRB5CCNAME"}
)


def initial_environment() -> dict[str, str]:
    """Return the variables with which this process began, or the present ones.

    A notebook may have changed some before anybody looked.
    """
    try:
        raw = Path("/proc/self/environ").read_bytes()
    except OSError:
        return dict(os.environ)
    pairs = (entry.partition("=") for entry in os.fsdecode(raw).split("\0") if entry)
    return {name: value for name, _, value in pairs}


class _Process:
    library = ""
    has_defaults = False


class Environment(_Process):
    """``os.environ``, without what belongs to one process.

    Between two machines only what was changed since the process began, without what belongs to
    one machine: each side keeps its own environment as the base.

    Parameters
    ----------
    crossing
        Whether the other side is on another machine.
    base
        The variables with which the process began.
    """

    name = "environ"

    def __init__(
        self, crossing: Crossing | None = None, base: Mapping[str, str] | None = None
    ) -> None:
        self._crossing = crossing or Crossing()
        self._base = dict(os.environ) if base is None else base
        self._raw: Any = None
        self._was_abroad = False
        self._value: dict[str, str | None] = {}

    def read(self) -> dict[str, str | None]:
        """Return the variables; None for one that was removed from the base."""
        # What ``os.environ`` decodes anew for each reading; 100 times cheaper to compare.
        raw = os.environ._data  # type: ignore[attr-defined]  # noqa: SLF001
        is_abroad = self._crossing.site is not None
        if raw != self._raw or is_abroad != self._was_abroad:
            self._raw, self._was_abroad = dict(raw), is_abroad
            prefixes = _PRIVATE_PREFIXES + (_OF_A_MACHINE_PREFIXES if is_abroad else ())
            now = {k: v for k, v in os.environ.items() if not k.startswith(prefixes)}
            if is_abroad:
                names = {k for k in self._base if not k.startswith(prefixes)} | set(now)
                self._value = {
                    name: now.get(name)
                    for name in sorted(names - _OF_A_MACHINE)
                    if now.get(name) != self._base.get(name)
                }
            else:
                self._value = {**now}
        return self._value

    def apply(self, change: Delta) -> None:
        """Set and remove variables; one that is no longer changed is as in the base."""
        is_abroad = self._crossing.site is not None
        as_in_base = {k: self._base.get(k) if is_abroad else None for k in change.unset}
        for key, value in {**as_in_base, **change.set}.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


class SearchPath(_Process):
    """``sys.path``.

    Between two machines each side has entries of its own, which travel as one mark; the others are
    translated.

    Parameters
    ----------
    crossing
        Whether the other side is on another machine.
    """

    name = "sys_path"
    _OWN = "<own>"

    def __init__(self, crossing: Crossing) -> None:
        self._crossing = crossing
        self._base = list(sys.path)

    def read(self) -> list[str]:
        """Return its entries."""
        site = self._crossing.site
        if site is None:
            return sys.path.copy()
        found = [
            self._OWN if self._is_own(entry, site) else site.outward(entry) or entry
            for entry in sys.path
        ]
        missing = [place for place in self._extra(site) if place not in found]
        at = found.index(self._OWN) if self._OWN in found else len(found)
        return list(dict.fromkeys([*found[:at], *missing, *found[at:]]))

    def apply(self, change: list[str]) -> None:
        """Set its entries."""
        site = self._crossing.site
        if site is None:
            sys.path[:] = change
            return
        by_place: dict[str, list[str]] = {}
        for entry in sys.path:
            place = self._OWN if self._is_own(entry, site) else site.outward(entry)
            by_place.setdefault(place or entry, []).append(entry)
        found: list[str] = []
        for place in change:
            if place in by_place:
                found += by_place[place]
            # What only the other side must have on its path is left out.
            elif place != self._OWN and place not in self._extra(site):
                found.append(site.inward(place) or place)
        sys.path[:] = dict.fromkeys(found)

    def _is_own(self, entry: str, site: Site) -> bool:
        """Tell whether an entry belongs to this machine: it began with it, and is not the user's.

        A kernel may have been started with folders of the user's on the path, a node has not.
        """
        if not entry or entry not in self._base:
            return False
        is_installed = entry.startswith((sys.prefix + os.sep, sys.base_prefix + os.sep))
        return self._crossing.is_node or is_installed or site.outward(entry) is None

    @staticmethod
    def _extra(site: Site) -> list[str]:
        """Return the notebook's folders of modules, of which the path need not tell."""
        return [place for place in site.places if place not in {MIRROR, site.folder}]


class Directory(_Process):
    """The working directory.

    Between two machines it is translated. When the notebook is outside of its folder, the cell
    runs in the folder.

    Parameters
    ----------
    crossing
        Whether the other side is on another machine.
    """

    name = "cwd"
    _OUTSIDE = "outside:"

    def __init__(self, crossing: Crossing) -> None:
        self._crossing = crossing

    def read(self) -> str | None:
        """Return it; None when it was removed under us."""
        try:
            path = os.getcwd()  # noqa: PTH109 - the cell's own view of it
        except OSError:
            return None
        site = self._crossing.site
        if site is None:
            return path
        outside = path if self._crossing.is_node else self._OUTSIDE + path
        return site.outward(path) or outside

    def apply(self, change: str) -> None:
        """Go there, if it exists on this machine; a node makes the notebook's directories."""
        site = self._crossing.site
        if site is not None and change.startswith(self._OUTSIDE):
            change = site.folder
        with contextlib.suppress(OSError):
            if site is not None and is_travelling(change):
                change = site.inward(change) or change
                if self._crossing.is_node:
                    os.makedirs(change, mode=0o700, exist_ok=True)  # noqa: PTH103 - as above
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
