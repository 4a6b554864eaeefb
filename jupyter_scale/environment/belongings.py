"""What belongs to a notebook, as far as its cells have asked for it: own modules, named files.

It only grows: what one cell imported, the functions of a later one may use. Each time all of it is
looked at again, so that an edited, a new and a removed file are noticed, by length and time first.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jupyter_scale.analysis.paths import NamedPath
from jupyter_scale.environment.bundling import (
    BundleMaker,
    LeftOut,
    check_size,
    find_named_files,
)
from jupyter_scale.environment.folders import (
    Digests,
    Limits,
    Stamp,
    is_settled,
    size_of,
    stamps_of,
    take_snapshot,
)
from jupyter_scale.environment.installed import Interpreter
from jupyter_scale.environment.ownmodules import OwnModule, find_own_modules
from jupyter_scale.errors import BundleTooLarge
from jupyter_scale.model.bundle import Bundle

_LONG_BYTES = 1 << 20
_GLOB = re.compile(r"[^/]*[*?\[]")


@dataclass(frozen=True)
class Collected:
    """What has to be on the nodes before a cell runs.

    Attributes
    ----------
    bundle : Bundle
        The files.
    paths : dict
        ``path in the bundle → file here``.
    left_out : tuple of LeftOut
        What the cell names and is too large to travel.
    written : frozenset of str
        Paths in the bundle that only cells on the cluster have made: the node where they ran has
        them, and the others do without.
    """

    bundle: Bundle
    paths: dict[str, Path]
    left_out: tuple[LeftOut, ...]
    written: frozenset[str] = frozenset()


class Belongings:
    """Collects what the cells of one notebook need.

    Parameters
    ----------
    folder : Path
        The notebook's folder; files are named relative to it.
    limits : Limits, optional
        How much may travel.
    """

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        self._folder, self._limits = folder, limits or Limits()
        self._digests = Digests()
        self._modules: set[str] = set()
        self._named: set[NamedPath] = set()
        self._written: set[Path] = set()
        self._last: tuple[object, Collected] | None = None
        self._stamps: dict[str, Stamp | None] = {}

    def note_written(self, file: Path, sha256: str) -> None:
        """Take note of a file that a cell wrote on the cluster: what is here now goes there.

        Parameters
        ----------
        file : Path
            In the notebook's folder.
        sha256 : str
            Of what came home; empty if something else is here.
        """
        self._written.add(file)
        if sha256 and size_of(file) > _LONG_BYTES:  # a short one is hashed with more care
            self._digests.note(file, sha256)

    def collect(
        self,
        imports: Iterable[str],
        named: Iterable[NamedPath] = (),
        interpreter: Interpreter | None = None,
    ) -> Collected:
        """Return all that the cells so far need, this one included.

        Parameters
        ----------
        imports : iterable of str
            Top-level names of modules that the cell imports, and of own modules that have been
            imported, see `jupyter_scale.environment.ownmodules.imported_own_modules`.
        named : iterable of NamedPath
            See `jupyter_scale.analysis.paths.find_named_paths`.
        interpreter : Interpreter, optional
            Whose packages that are installed in place are to be known by their metadata.

        Raises
        ------
        BundleTooLarge
            When the own modules are too large, one of them or all together. It is as if this had
            not been asked for.
        """
        before = set(self._modules)
        self._modules.update(imports)
        self._named.update(named)
        asked = (
            *(len(self._modules), len(self._named), frozenset(self._written)),
            *(os.getcwd(), tuple(sys.path), interpreter),  # noqa: PTH109 - part of a comparison
        )
        last = self._last
        if last is not None and last[0] == asked and stamps_of(self._stamps) == self._stamps:
            return last[1]
        try:
            collected, folders = self._collect(interpreter)
        except BundleTooLarge:
            self._modules = before
            raise
        watched = {*map(str, collected.paths.values()), *folders}
        self._stamps = stamps_of(watched)
        self._last = (asked, collected) if is_settled(self._stamps.values()) else None
        return collected

    def _collect(self, interpreter: Interpreter | None) -> tuple[Collected, set[str]]:
        """Return all that is needed, and the directories in which more of it may appear."""
        maker = BundleMaker(self._digests)
        modules = find_own_modules(self._modules, self._limits)
        maker.add_modules(modules)
        check_size(maker, self._limits)
        files, left_out = find_named_files(self._named, self._folder, self._limits)
        maker.add_files(self._folder, files)
        if interpreter is not None:
            maker.add_metadata(interpreter)
        needed = set(maker.paths)
        self._written = {file for file in self._written if file.is_file()}
        maker.add_files(self._folder, self._written)
        written = frozenset(maker.paths.keys() - needed)
        collected = Collected(maker.make(), maker.paths, left_out, written)
        return collected, {*_folders_of(modules), *_folders_of_path(), *self._folders_of_named()}

    def _folders_of_named(self) -> Iterator[str]:
        yield str(self._folder)
        for named in self._named:
            fixed = _GLOB.split(named.path)[0] if named.is_pattern else named.path
            place = self._folder / fixed
            yield from map(str, (place, *_up_to(self._folder, place.parent)))
            is_folder = place != self._folder and (named.is_pattern or named.may_be_folder)
            if is_folder or (named.is_pattern and "/" in named.path):
                yield from (str(place / inside) for inside in take_snapshot(place).folders)


def _folders_of(modules: Iterable[OwnModule]) -> Iterator[str]:
    for module in modules:
        for file in module.files:
            yield from map(str, _up_to(module.folder, file.parent))
        package = module.folder / module.name
        yield from (str(package / inside) for inside in take_snapshot(package).folders)


def _folders_of_path() -> Iterator[str]:
    """Yield the places of modules in which the user may put one."""
    own = (sys.prefix, sys.base_prefix)
    yield from (os.path.abspath(entry) for entry in sys.path if not entry.startswith(own))  # noqa: PTH100


def _up_to(folder: Path, place: Path) -> Iterator[Path]:
    """Yield a directory and those around it, up to `folder`."""
    while place != folder and folder in place.parents:
        yield place
        place = place.parent
    yield folder
