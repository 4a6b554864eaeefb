"""What travels as files: own modules, what is installed in place, files that a cell names."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import jupyter_scale
from jupyter_scale.analysis.paths import NamedPath
from jupyter_scale.environment.folders import (
    Digests,
    Limits,
    check_limits,
    is_ignored,
    size_of,
    walk,
)
from jupyter_scale.environment.installed import Interpreter
from jupyter_scale.environment.ownmodules import OwnModule
from jupyter_scale.model.bundle import Bundle, BundleFile

_OURSELVES = Path(jupyter_scale.__file__).parent
_NOT_ON_NODES = frozenset({"labextension"})
_METADATA = ("METADATA", "PKG-INFO", "entry_points.txt", "top_level.txt")
_METADATA_FOLDER = "metadata"


@dataclass(frozen=True)
class LeftOut:
    """A file that a cell names and that does not travel; `why` is a sentence."""

    path: str
    why: str


@dataclass
class BundleMaker:
    """Collects files, and makes a bundle of them.

    Attributes
    ----------
    digests : Digests
        What is known of files; to be kept from one bundle to the next.
    paths : dict
        ``path in the bundle → file on the laptop``.
    folders : dict
        ``first part of such a path → folder on the laptop``.
    """

    digests: Digests = field(default_factory=Digests)
    paths: dict[str, Path] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)

    def add_modules(self, modules: Iterable[OwnModule]) -> None:
        """Add own modules."""
        for module in modules:
            self._add(module.folder, module.files)

    def add_files(self, folder: Path, files: Iterable[Path]) -> None:
        """Add files of a folder: those that a cell names, of the notebook's folder."""
        self._add(folder, files)

    def add_metadata(self, interpreter: Interpreter) -> None:
        """Add what ``importlib.metadata`` tells of packages that are installed in place."""
        for package in interpreter.packages:
            if package.is_in_place or package.name == "jupyter-scale":
                info = Path(package.metadata_path)
                for name in _METADATA:
                    if (info / name).is_file():
                        self.paths[f"{_METADATA_FOLDER}/{info.name}/{name}"] = info / name
                        self.folders[_METADATA_FOLDER] = ""

    def add_ourselves(self) -> None:
        """Add jupyter-scale as it runs here."""
        files = [
            path
            for path in walk(_OURSELVES)
            if path.relative_to(_OURSELVES).parts[0] not in _NOT_ON_NODES
        ]
        self._add(_OURSELVES.parent, files)

    def _add(self, folder: Path, files: Iterable[Path]) -> None:
        label = label_of(folder)
        self.folders[label] = str(folder)
        for file in files:
            self.paths[f"{label}/{file.relative_to(folder).as_posix()}"] = file

    def make(self) -> Bundle:
        """Return the bundle of what is there now; what went away meanwhile is not in it."""
        files = []
        for path, source in sorted(self.paths.items()):
            try:
                digest, status = self.digests.sha256(source)
            except OSError:
                continue
            mode = 0o755 if status.st_mode & 0o100 else 0o644
            files.append(BundleFile(path, digest, status.st_size, mode))
        return Bundle(tuple(files), dict(self.folders))


def find_named_files(
    named: Iterable[NamedPath], folder: Path, limits: Limits | None = None
) -> tuple[tuple[Path, ...], tuple[LeftOut, ...]]:
    """Return the files below a folder that a cell names, and those that do not travel.

    Parameters
    ----------
    named : iterable of NamedPath
        See `jupyter_scale.analysis.paths.find_named_paths`.
    folder : Path
        The working directory, usually the notebook's folder.
    limits : Limits, optional
        Of each named file or folder.
    """
    limits = limits or Limits()
    found: set[Path] = set()
    left_out = []
    for one in named:
        files = list(_files(one, folder))
        size = sum(map(size_of, files))
        if size > limits.total_bytes or len(files) > limits.files:
            why = f"{size / 1e6:.0f} MB in {len(files)} files are too much to travel with a cell"
            left_out.append(LeftOut(one.path, why))
        else:
            found.update(files)
    return tuple(sorted(found)), tuple(left_out)


def _files(named: NamedPath, folder: Path) -> Iterable[Path]:
    root = folder.resolve()
    matches = sorted(folder.glob(named.path)) if named.is_pattern else [folder / named.path]
    for path in matches:
        try:
            if not path.resolve().is_relative_to(root):
                continue  # a link leads out of the folder
            if path.is_file():
                yield path
            elif path.is_dir() and named.may_be_folder and not is_ignored(path):
                yield from (file for file in walk(path) if file.resolve().is_relative_to(root))
        except (OSError, RuntimeError):
            continue


def label_of(folder: Path) -> str:
    """Return what a folder is called in a bundle: its name, and what tells it from others."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.name).strip(".-") or "root"
    return f"{name[:40]}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]}"


def ourselves(digests: Digests) -> BundleMaker:
    """Return a bundle of jupyter-scale alone; its hash is that of the code that runs here."""
    maker = BundleMaker(digests)
    maker.add_ourselves()
    return maker


def check_size(maker: BundleMaker, limits: Limits) -> None:
    """Refuse a bundle that is too large as a whole; see `check_limits`."""
    check_limits("The notebook's own code", maker.paths.values(), limits)
