"""Attributes and items of library modules and classes that the notebook's code assigns.

`jupyter_scale.analysis.stores` finds the assignments; which of them concern a module is seen here.
"""

from __future__ import annotations

import ast
import enum
import functools
import logging
import sys
from collections.abc import Iterable, Mapping
from types import FunctionType, ModuleType
from typing import Any

from jupyter_scale.analysis.stores import Store
from jupyter_scale.shipping.ambient.importing import ImportWatch
from jupyter_scale.shipping.ambient.modules import OwnModules
from jupyter_scale.shipping.ambient.part import Delta

_MISSING: Any = object()
_CONTAINERS = (dict, list, set)
# Bound to one process, or kept by a part of their own.
_NEVER = {
    "sys": (
        *("stdin", "stdout", "stderr", "displayhook", "excepthook"),
        *("path", "meta_path", "path_importer_cache"),
    ),
    "os": ("environ", "environb"),
    "warnings": ("filters", "showwarning"),
    "pandas": ("options",),
    "matplotlib": ("rcParams",),
    "matplotlib.pyplot": ("rcParams",),
    "builtins": ("display", "get_ipython"),
}


class Original(enum.Enum):
    """Travels for a function that is again the one that its module defines."""

    ORIGINAL = 0


class LibraryAttributes:
    """The keeper of assigned attributes.

    Parameters
    ----------
    modules
        The notebook's own modules, whose data are kept in any case.
    watch
        Tells when a library is imported for which something waits.
    """

    kind = "attribute"

    def __init__(self, modules: OwnModules, watch: ImportWatch) -> None:
        self._modules, self._watch = modules, watch
        self._stores: dict[str, Store] = {}
        self._places: dict[str, Store] = {}
        self._waiting: dict[str, Any] = {}
        self._originals: dict[str, Any] = {}

    def note(self, stores: Iterable[Store], namespace: Mapping[str, Any]) -> None:
        """Keep what these assignments assign from now on, as far as they concern modules."""
        for store in stores:
            self._stores.setdefault(store.text, store)
        for store in self._stores.values():
            root = (sys.modules if store.is_module else namespace).get(store.root)
            if isinstance(root, (ModuleType, type)):
                self._note(root, store)

    @property
    def stores(self) -> list[str]:
        """Texts of all that `note` was told, in its order."""
        return list(self._stores)

    def _note(self, root: Any, store: Store) -> None:
        place = _canonical(root, store)
        if place is None:
            return
        if place.root == "sys" and place.path == ("modules",):
            self._modules.seek_handmade()
            return
        value = _value_at(Store(place.root, place.path))
        if store.is_inside and type(value) not in _CONTAINERS:
            return
        is_data = not isinstance(value, (type, FunctionType))
        if is_data and place.root in self._modules.read():
            return
        if not _is_kept_elsewhere(place, value):
            self._places[place.text] = place

    def read(self) -> dict[str, Any]:
        """Return ``place → object``; places without one are left out."""
        found = {}
        for text, place in self._places.items():
            if text in self._waiting:
                if place.root not in sys.modules:
                    found[text] = self._waiting[text]
                    continue
                self.put(text, self._waiting.pop(text))
            if place.key is not None and Store(place.root, place.path).text in self._places:
                continue  # it travels with its container
            value = _value_at(place)
            if value is not _MISSING:
                found[text] = Original.ORIGINAL if _is_original(place, value) else value
        return found

    @property
    def restored(self) -> Restored:
        """The part that says which places hold their originals again."""
        return Restored(self)

    def originals(self) -> dict[str, bool]:
        """Return the places that hold what their modules define."""
        return {text: True for text, value in self.read().items() if value is Original.ORIGINAL}

    def put(self, place: str, value: Any) -> None:
        """Assign it, or wait until the module is imported."""
        store = self._places.setdefault(place, Store.parse(place))
        owner = _owner(store)
        if owner is _MISSING:
            self._waiting[place] = value
            self._watch.when_imported(store.root, self._imported)
            return
        if value is Original.ORIGINAL:
            value = self._originals.get(place, _MISSING)
            if value is _MISSING:
                return
        elif store.key is None:
            before = _value_at(store)
            if before is not _MISSING and _is_original(store, before):
                self._originals.setdefault(place, before)
        if store.key is None:
            setattr(owner, store.path[-1], value)
        else:
            getattr(owner, store.path[-1])[_key(store.key)] = value

    def drop(self, place: str) -> None:
        """Delete it."""
        store = self._places.get(place, Store.parse(place))
        self._waiting.pop(place, None)
        owner = _owner(store)
        if owner is _MISSING or _value_at(store) is _MISSING:
            return
        if store.key is None:
            delattr(owner, store.path[-1])
        else:
            del getattr(owner, store.path[-1])[_key(store.key)]

    def _imported(self, module: ModuleType) -> None:
        for text in list(self._waiting):
            if self._places[text].root == module.__name__:
                self.put(text, self._waiting.pop(text))


class Restored:
    """Functions that are theirs again, put back before values arrive that name them.

    Parameters
    ----------
    attributes
        The keeper of assigned attributes.
    """

    name = "restored"
    library = ""
    has_defaults = False

    def __init__(self, attributes: LibraryAttributes) -> None:
        self._attributes = attributes

    def read(self) -> dict[str, bool]:
        """Return the places."""
        return self._attributes.originals()

    def apply(self, change: Delta) -> None:
        """Put them back."""
        for place in change.set:
            self._attributes.put(place, Original.ORIGINAL)


def _canonical(root: Any, store: Store) -> Store | None:
    """Return the store as seen from the innermost module on its way."""
    path: tuple[str, ...] = store.path
    if isinstance(root, type):
        if root.__module__ == "__main__" or "<locals>" in root.__qualname__:
            return None
        path = (*root.__qualname__.split("."), *path)
        root = sys.modules.get(root.__module__)
    if not isinstance(root, ModuleType) or sys.modules.get(root.__name__) is not root:
        return None
    while len(path) > 1:
        inner = getattr(root, path[0], None)
        if not isinstance(inner, ModuleType) or sys.modules.get(inner.__name__) is not inner:
            break
        root, path = inner, path[1:]
    if root.__name__ == "__main__":
        return None
    is_dict = type(_value_at(Store(root.__name__, path))) is dict
    return Store(root.__name__, path, store.key if is_dict else None)


def _is_kept_elsewhere(place: Store, value: Any) -> bool:
    if place.path[0] in _NEVER.get(place.root, ()) or place.root.startswith("jupyter_scale"):
        return True
    owner = _owner(place)
    if isinstance(owner, logging.Logger):
        return True
    is_inside_instance = not isinstance(owner, (ModuleType, type))
    return is_inside_instance and not isinstance(value, (*_CONTAINERS, str, int, float, type(None)))


@functools.cache
def _key(source: str) -> Any:
    return ast.literal_eval(source)


def _owner(place: Store) -> Any:
    owner: Any = sys.modules.get(place.root, _MISSING)
    for step in place.path[:-1]:
        owner = _get(owner, step)
    return owner


def _get(owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name, _MISSING)
    except Exception:  # noqa: BLE001 - a property runs a library's code
        return _MISSING


def _value_at(place: Store) -> Any:
    owner = _owner(place)
    if isinstance(owner, type):
        # The descriptor itself, not what it gives.
        value = vars(owner).get(place.path[-1], _MISSING)
    else:
        value = _MISSING if owner is _MISSING else _get(owner, place.path[-1])
    if place.key is None or value is _MISSING:
        return value
    try:
        return value[_key(place.key)]
    except (KeyError, IndexError, TypeError):
        return _MISSING


def _is_original(place: Store, value: Any) -> bool:
    """Tell whether a function or class is found by its own name in this very place."""
    own = (getattr(value, "__module__", None), getattr(value, "__qualname__", None))
    return place.key is None and own == (place.root, ".".join(place.path))
