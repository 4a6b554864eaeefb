"""The notebook's own modules as files: what a node needs to import them.

Own is what belongs neither to the interpreter nor to something installed: neighbours of the
notebook, packages installed in place, folders that were put on the path. Laws:

1. A package travels whole, with the data and compiled modules inside; a single file travels alone.
2. What an own module imports travels as well, if that is own, wherever in its text the import is.
3. Nothing is imported to find this out.
"""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jupyter_scale.analysis.dynamic import imported_packages
from jupyter_scale.environment.folders import Limits, check_limits, walk
from jupyter_scale.shipping.ambient.modules import is_own_file


@dataclass(frozen=True)
class OwnModule:
    """A top-level module or package of the notebook's own.

    Attributes
    ----------
    name : str
        What is imported.
    folder : Path
        What has to be on the path.
    files : tuple of Path
        All that belongs to it.
    """

    name: str
    folder: Path
    files: tuple[Path, ...]


def find_own_modules(names: Iterable[str], limits: Limits | None = None) -> tuple[OwnModule, ...]:
    """Return those of some modules that are own, and the own modules that they import.

    Parameters
    ----------
    names : iterable of str
        Top-level names: what the cell imports, and what has been imported.
    limits : Limits, optional
        How large each may be.

    Raises
    ------
    BundleTooLarge
        When one is larger.
    """
    limits = limits or Limits()
    found: dict[str, OwnModule] = {}
    waiting, seen = list(names), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for module in _modules(name):
            check_limits(f"The module {name!r}", module.files, limits)
            found[f"{name} {module.folder}"] = module
            for file in module.files:
                if file.suffix == ".py":
                    waiting += _imports_of(file)
    return tuple(found[key] for key in sorted(found))


def imported_own_modules() -> list[str]:
    """Return the top-level names of own modules that this process has imported."""
    names = {name.partition(".")[0] for name in list(sys.modules)}
    return sorted(name for name in names if _is_own(_spec(name)))


def _modules(name: str) -> list[OwnModule]:
    """Return one module; of a namespace package, one for each folder that it is in."""
    spec = _spec(name)
    if not _is_own(spec) or spec is None:
        return []
    if spec.submodule_search_locations is None:
        file = Path(str(spec.origin))
        return [OwnModule(name, file.parent, (file,))]
    places = [Path(place) for place in spec.submodule_search_locations]
    return [OwnModule(name, place.parent, tuple(walk(place))) for place in places if place.is_dir()]


def _spec(name: str) -> importlib.machinery.ModuleSpec | None:
    if name in sys.stdlib_module_names or name == "__main__":
        return None
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError, TypeError):
        return None  # a module that was made by hand, or that cannot be found


def _is_own(spec: importlib.machinery.ModuleSpec | None) -> bool:
    if spec is None:
        return False
    if spec.submodule_search_locations is not None and not spec.origin:
        places = [Path(place) for place in spec.submodule_search_locations]
        return any(is_own_file(str(place / "module.py")) for place in places)
    if not spec.has_location or not spec.origin:
        return False
    # What is own is told by the place; a compiled module counts like a source beside it.
    return is_own_file(str(Path(spec.origin).with_suffix(".py")))


def _imports_of(file: Path) -> tuple[str, ...]:
    try:
        status = file.stat()
    except OSError:
        return ()
    return _imports(str(file), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4096)
def _imports(file: str, _mtime_ns: int, _size: int) -> tuple[str, ...]:
    """Return the packages that a file imports, anywhere in it."""
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ()
    return tuple(sorted({name for node in ast.walk(tree) for name in imported_packages(node)}))
