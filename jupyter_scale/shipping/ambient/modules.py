"""The notebook's own modules: those whose file is neither the interpreter's nor installed.

Two processes that import such a module may read two versions of its file, and each has module
globals of its own. Laws:

1. Both run the code that was run where the module was imported first, or reloaded last. A change of
   the file alone changes nothing, as in a notebook.
2. A module is run on the other side only when something there imports it; then with what its
   globals are by now. What that run prints, or does to the ambient state, was seen already.
3. A module made by hand and put into ``sys.modules`` exists on both sides.
4. On another machine a module has that machine's file, and so have the frames of its code.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import io
import itertools
import marshal
import os
import sys
import sysconfig
import types
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from jupyter_scale.shipping.ambient.part import Delta
from jupyter_scale.shipping.ambient.sites import Crossing, Site

_ids = itertools.count(1)
_process = uuid.uuid4().hex
_HEADER_BYTES = 16  # of a file of compiled code
_BY_HAND = "by hand"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a module was made from.

    Attributes
    ----------
    file, is_package
        As on disk.
    source, compiled
        Its text when it was run; or, if that is no longer known, its code.
    made, run
        Ids of the module object, and of the last time that its code was run.
    """

    file: str
    is_package: bool
    source: str
    compiled: bytes = b""
    made: str = ""
    run: str = ""

    @property
    def is_by_hand(self) -> bool:
        """Tell whether there is no code to run."""
        return self.file == _BY_HAND

    def code(self) -> types.CodeType:
        """Return the module's code."""
        if self.compiled:
            code: types.CodeType = marshal.loads(self.compiled)  # noqa: S302 - as importing does
            return code if code.co_filename == self.file else _renamed(code, self.file)
        return compile(self.source, self.file, "exec", dont_inherit=True)


class OwnModules:
    """The part that says which own modules there are, and the source that makes them.

    Parameters
    ----------
    guard
        Returns a context that undoes what running a module once more does to the ambient state.
    crossing
        Whether the other side is on another machine.

    Attributes
    ----------
    on_run, on_loaded
        Told the name of each module that was run on behalf of the other side; and of those, and
        each that this process has run by itself.
    """

    name = "own_modules"
    library = ""
    has_defaults = False

    def __init__(
        self, guard: Callable[[], AbstractContextManager[object]], crossing: Crossing | None = None
    ) -> None:
        self._guard, self._crossing = guard, crossing or Crossing()
        self._travelling: tuple[Any, Site | None, dict[str, Origin]] = (None, None, {})
        self.on_run: Callable[[str], object] = lambda _name: None
        self.on_loaded: Callable[[str], object] = lambda _name: None
        self.here: dict[str, ModuleType] = {}
        self._origins: dict[str, Origin] = {}
        self._waiting: dict[str, Origin] = {}
        self._value: dict[str, Origin] = {}
        self._seen: tuple[int, str] = (0, "")
        self._looked_at: set[str] = set()
        self._seeks_handmade = False

    def seek_handmade(self) -> None:
        """From now on look for modules that were made by hand: some code stores such."""
        if not self._seeks_handmade:
            self._seeks_handmade = True
            self._looked_at.clear()
            self._seen = (0, "")

    # -- the part ----------------------------------------------------------------------------

    def read(self) -> dict[str, Origin]:
        """Return ``name → origin``, their files in the travelling form if that is needed."""
        value, site = self._read(), self._crossing.site
        if site is None:
            return value
        if self._travelling[0] is not value or self._travelling[1] is not site:
            self._travelling = value, site, _moved(value, site.outward)
        return self._travelling[2]

    def _read(self) -> dict[str, Origin]:
        modules = sys.modules
        for name, module in list(self.here.items()):
            if modules.get(name) is not module:
                del self.here[name], self._origins[name]
                self._looked_at.discard(name)
                self._seen = (0, "")
        seen = (len(modules), next(reversed(modules)))
        if seen != self._seen:
            self._seen = seen
            new = modules.keys() - self._looked_at
            self._looked_at |= new
            for name in new:
                self._look_at(name, modules.get(name))
        if len(self._value) != len(self._origins) + len(self._waiting) or any(
            self._value.get(name) is not origin for name, origin in self._origins.items()
        ):
            self._value = {**self._waiting, **self._origins}
        return self._value

    def _look_at(self, name: str, module: Any) -> None:
        if not isinstance(module, ModuleType) or name in {"__main__", "__mp_main__"}:
            return
        spec = getattr(module, "__spec__", None)
        if isinstance(spec, ModuleSpec):
            if self.is_own(spec) and not getattr(spec, "_initializing", False):
                self._note(module, _origin_of(module, str(spec.origin)))
        elif self._seeks_handmade and _is_handmade(name, module):
            self._note(module, Origin(_BY_HAND, is_package=False, source=""))

    def _note(self, module: ModuleType, origin: Origin) -> None:
        """Record a module that this process has made or run by itself."""
        name = module.__name__
        before = self._origins.get(name)
        is_same = before is not None and self.here.get(name) is module
        made = before.made if before is not None and is_same else _new_id()
        self.here[name] = module
        self._origins[name] = replace(origin, made=made, run=_new_id())
        self._waiting.pop(name, None)

    def apply(self, change: Delta) -> None:
        """Take over the other side's modules, without running one that nobody here has imported."""
        for name in change.unset:
            self._waiting.pop(name, None)
            self._origins.pop(name, None)
            self._looked_at.discard(name)
            if self.here.pop(name, None) is not None:
                sys.modules.pop(name, None)
        self._read()
        site = self._crossing.site
        origins = change.set if site is None else _moved(change.set, site.inward)
        for name, origin in origins.items():
            self._take_over(name, origin)
        self._value = {**self._waiting, **self._origins}

    def _take_over(self, name: str, origin: Origin) -> None:
        module, before = self.here.get(name), self._origins.get(name)
        if module is None or before is None:
            if origin.is_by_hand:
                self._adopt(sys.modules.setdefault(name, ModuleType(name)), origin)
            elif name not in sys.modules:
                self._waiting[name] = origin
            return
        is_same_code = (before.source, before.compiled) == (origin.source, origin.compiled)
        is_related = before.made == origin.made
        if origin.is_by_hand or before.run == origin.run or (is_same_code and not is_related):
            self._origins[name] = origin
        elif is_related:
            self._run(module, origin)
        else:
            del sys.modules[name], self.here[name], self._origins[name]
            self._waiting[name] = origin
            importlib.import_module(name)

    def _adopt(self, module: ModuleType, origin: Origin) -> None:
        name = module.__name__
        self.here[name], self._origins[name] = module, origin
        self._looked_at.add(name)
        self._waiting.pop(name, None)

    def _run(self, module: ModuleType, origin: Origin) -> None:
        """Run a module's code as the other side did, unseen."""
        self._adopt(module, origin)
        silence = io.StringIO()
        with (
            self._guard(),
            contextlib.redirect_stdout(silence),
            contextlib.redirect_stderr(silence),
        ):
            exec(origin.code(), module.__dict__)  # noqa: S102 - that is what importing is
        self.on_run(module.__name__)
        self.on_loaded(module.__name__)

    # -- the source of modules ---------------------------------------------------------------

    def find(self, name: str) -> ModuleSpec | None:
        """Return how to make a module that the other side has and this one not yet."""
        origin = self._waiting.get(name)
        if origin is None:
            return None
        inside = [str(Path(origin.file).parent)] if origin.is_package else None
        return importlib.util.spec_from_file_location(
            name,
            origin.file,
            loader=_Loader(name, origin, self._run),
            submodule_search_locations=inside,
        )

    def is_own(self, spec: ModuleSpec) -> bool:
        """Tell whether a module is the notebook's own."""
        return bool(spec.has_location and spec.origin and is_own_file(spec.origin))

    def loaded(self, module: ModuleType) -> None:
        """Take note of a module that this process has just run, or run again."""
        spec = module.__spec__
        if spec is not None and isinstance(spec.origin, str):
            self._looked_at.add(module.__name__)
            self._note(module, Origin(spec.origin, hasattr(module, "__path__"), _text(spec.origin)))
            self.on_loaded(module.__name__)


class _Loader(SourceFileLoader):
    """Makes a module from what the other side made it from."""

    def __init__(
        self, name: str, origin: Origin, run: Callable[[ModuleType, Origin], None]
    ) -> None:
        super().__init__(name, origin.file)
        self._origin, self._run = origin, run

    def __reduce__(self) -> Any:
        """Travel as what any module of that file has."""
        return SourceFileLoader, (self.name, self.path)

    def get_source(self, fullname: str) -> str:
        """Return the text."""
        return self._origin.source or str(super().get_source(fullname))

    def exec_module(self, module: ModuleType) -> None:
        """Run it."""
        self._run(module, self._origin)


# -- what a module was made from -------------------------------------------------------------


def is_own_file(file: str) -> bool:
    """Tell whether a source file belongs neither to the interpreter nor to something installed."""
    if not file.endswith(".py"):
        return False
    parts = Path(file).parts
    if "site-packages" in parts or "dist-packages" in parts:
        return False
    return not file.startswith(_library_roots()) and not _is_installed(Path(file).parent)


@functools.cache
def _is_installed(directory: Path) -> bool:
    """Tell whether an installer put a directory, or one around it, where it is.

    ``pip install --target`` does that anywhere on the path.
    """
    if (directory / "__init__.py").exists():
        return _is_installed(directory.parent)
    return any(directory.glob("*.dist-info/RECORD"))


@functools.cache
def _library_roots() -> tuple[str, ...]:
    own = Path(__file__).parents[2]
    paths = {sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
    roots = {*paths, *map(os.path.realpath, paths), str(own)}
    return tuple(root.rstrip(os.sep) + os.sep for root in roots)


def _moved(origins: Mapping[str, Origin], move: Callable[[str], str | None]) -> dict[str, Origin]:
    """Return origins with the files' paths of another machine, where there are such."""
    moved = {name: move(origin.file) for name, origin in origins.items()}
    return {
        name: origin if (file := moved[name]) is None else replace(origin, file=file)
        for name, origin in origins.items()
    }


def _origin_of(module: ModuleType, file: str) -> Origin:
    """Return what an imported module was most probably made from."""
    is_package = hasattr(module, "__path__")
    origin = Origin(file, is_package, _text(file))
    if _is_made_from(origin, module):
        return origin
    # The file was changed since: is there compiled code of the version before?
    with contextlib.suppress(OSError, ValueError, NotImplementedError):
        path = Path(importlib.util.cache_from_source(file))
        older = Origin(file, is_package, "", path.read_bytes()[_HEADER_BYTES:])
        if _is_made_from(older, module):
            return older
    return origin


def _is_made_from(origin: Origin, module: ModuleType) -> bool:
    try:
        made = {code.co_name: code for code in _inside(origin.code())}
    except (SyntaxError, ValueError, EOFError, TypeError):
        return False
    functions = [f for f in vars(module).values() if isinstance(f, types.FunctionType)]
    return all(
        made.get(function.__code__.co_name) == function.__code__
        for function in functions
        if function.__module__ == module.__name__
        and function.__code__.co_filename == origin.file
        and "<" not in function.__qualname__
    )


def _inside(code: types.CodeType) -> Iterator[types.CodeType]:
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield const


def _renamed(code: types.CodeType, file: str) -> types.CodeType:
    """Return code as if it had been compiled from another file."""
    constants = tuple(
        _renamed(const, file) if isinstance(const, types.CodeType) else const
        for const in code.co_consts
    )
    return code.replace(co_filename=file, co_consts=constants)


def _text(file: str) -> str:
    try:
        return importlib.util.decode_source(Path(file).read_bytes())
    except (OSError, UnicodeDecodeError, SyntaxError):
        return ""


def _is_handmade(name: str, module: ModuleType) -> bool:
    is_plain = type(module) is ModuleType and "__file__" not in vars(module)
    return is_plain and module.__name__ == name and "cython" not in name


def _new_id() -> str:
    return f"{_process}-{next(_ids)}"
