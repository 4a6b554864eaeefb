"""Settings that libraries keep for the whole process."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_scale.shipping.ambient.part import Delta

#: rcParams that choose windows, or how this process is bound to its front end.
_OF_THE_BACKEND = ("backend", "webagg.", "tk.", "macosx.", "savefig.directory", "toolbar")


class MatplotlibOptions:
    """``matplotlib.rcParams``, and with them the style in use."""

    name = "matplotlib"
    library = "matplotlib"
    has_defaults = True

    def __init__(self) -> None:
        self._raw: list[Any] = []
        self._lists: list[tuple[list[Any], list[Any]]] = []
        self._value: dict[str, Any] = {}

    def read(self) -> dict[str, Any]:
        """Return all parameters but the backend's."""
        # The dict's own methods: to read the mapping itself may choose a backend.
        parameters = sys.modules["matplotlib"].rcParams
        raw = list(dict.values(parameters))
        if raw != self._raw or any(one != other for one, other in self._lists):
            self._raw = raw
            self._lists = [(v, v.copy()) for v in raw if isinstance(v, list)]
            self._value = {
                key: list(value) if isinstance(value, list) else value
                for key, value in dict.items(parameters)
                if not key.startswith(_OF_THE_BACKEND)
            }
        return self._value

    def apply(self, change: Delta) -> None:
        """Set parameters, which were validated where they come from."""
        dict.update(sys.modules["matplotlib"].rcParams, change.set)


class PandasOptions:
    """All registered options of pandas whose value is plain."""

    name = "pandas"
    library = "pandas"
    has_defaults = True

    def __init__(self) -> None:
        self._raw: Any = None
        self._value: dict[str, Any] = {}

    def read(self) -> dict[str, Any]:
        """Return ``option → value``."""
        # `get_option` takes 0.1 ms for all of them.
        raw = sys.modules["pandas._config.config"]._global_config  # noqa: SLF001
        if raw != self._raw:
            self._raw = _copy_of(raw)
            self._value = {key: value for key, value in _flat(raw) if is_plain(value)}
        return self._value

    def apply(self, change: Delta) -> None:
        """Set options; one that this version of pandas lacks is left."""
        pandas = sys.modules["pandas"]
        for key, value in change.set.items():
            with contextlib.suppress(KeyError, ValueError, ImportError):
                pandas.set_option(key, value)


def _copy_of(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copy_of(v) if isinstance(v, dict) else v for key, v in tree.items()}


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Any:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


class Settings:
    """Settings that a library has a function to read all of, and one to set some."""

    def __init__(
        self,
        library: str,
        name: str,
        read: Callable[[Any], Mapping[str, Any]],
        apply: Callable[[Any, Mapping[str, Any]], object],
    ) -> None:
        self.library, self.name = library, name
        self.has_defaults = True
        self._read, self._apply = read, apply

    def read(self) -> dict[str, Any]:
        """Return the plain settings."""
        settings = self._read(sys.modules[self.library])
        plain = {key: value for key, value in settings.items() if is_plain(value)}
        plain.pop("formatter", None)
        return plain

    def apply(self, change: Delta) -> None:
        """Change the settings."""
        self._apply(sys.modules[self.library], change.set)


def numpy_printing() -> Settings:
    """Return the part of ``numpy.set_printoptions``; formatters, which are functions, apart."""
    return Settings("numpy", "numpy_print", lambda np: np.get_printoptions(), _set_numpy_printing)


def _set_numpy_printing(numpy: Any, settings: Mapping[str, Any]) -> None:
    formatter = numpy.get_printoptions()["formatter"]  # each call resets what it does not name
    numpy.set_printoptions(**{"formatter": formatter, **settings})


def numpy_errors() -> Settings:
    """Return the part of ``numpy.seterr``."""
    return Settings("numpy", "numpy_errors", lambda np: np.geterr(), lambda np, s: np.seterr(**s))


def sklearn_options() -> Settings:
    """Return the part of ``sklearn.set_config``."""
    return Settings(
        "sklearn", "sklearn", lambda sk: sk.get_config(), lambda sk, s: sk.set_config(**s)
    )


_ATOMS = (type(None), bool, int, float, complex, str, bytes)


def is_plain(value: Any) -> bool:
    """Tell whether a value is the same wherever it is read: numbers, text, lists of them."""
    if isinstance(value, _ATOMS):
        return True
    if type(value) in (list, tuple, set, frozenset):
        return all(map(is_plain, value))
    if type(value) is dict:
        return all(is_plain(k) and is_plain(v) for k, v in value.items())
    return False
