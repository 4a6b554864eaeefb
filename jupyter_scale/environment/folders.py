"""The files of a folder that are worth to travel, and their hashes."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jupyter_scale.errors import BundleTooLarge

_IGNORED_FOLDERS = frozenset(
    {".git", ".hg", ".svn", ".bzr", "__pycache__", "node_modules", ".ipynb_checkpoints", ".tox"}
    | {".nox", ".venv", ".cache", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
    | {".eggs", ".idea", ".vscode", ".dvc", "site-packages"}
)
_IGNORED_FILES = (".pyc", ".pyo", ".swp", ".swo", "~", ".DS_Store", ".ipynb")
#: A folder with one of these is an environment or a cache, whatever it is called.
_SIGNS = ("pyvenv.cfg", "CACHEDIR.TAG", "conda-meta")
_SIGNS_SET = frozenset(_SIGNS)
_SHOWN = 3
#: Length, time of change in ns, and inode of a file.
Stamp = tuple[int, int, int]
#: A file system may note times as coarsely as this.
_COARSE_S = 2.0


@dataclass(frozen=True)
class Limits:
    """How much travels before a cell, in all, without being asked for.

    Parameters
    ----------
    total_bytes : int
        The sum of all files of the code; of one file that a cell names.
    files : int
        How many.
    """

    total_bytes: int = 200_000_000
    files: int = 10_000


def walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, sorted, without what tools have put there.

    Links to files count as files; links to folders are followed once.
    """
    yield from _walk(folder, set())


def _walk(folder: Path, seen: set[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        try:
            if entry.is_dir():
                if not is_ignored(Path(entry.path)):
                    yield from _walk(Path(entry.path), seen)
            elif entry.is_file() and not entry.name.endswith(_IGNORED_FILES):
                yield Path(entry.path)
        except OSError:
            continue  # it went away, or may not be looked at


@dataclass(frozen=True)
class Snapshot:
    """What is in a folder, paths relative to it with ``/``; what `walk` leaves out is not in it.

    Attributes
    ----------
    files : dict
        ``path → its stamp``, see `stamps_of`.
    folders : frozenset of str
        Directories below.
    """

    files: dict[str, Stamp]
    folders: frozenset[str]


def take_snapshot(folder: Path) -> Snapshot:
    """Return what is in a folder now; empty if there is none. Links are not followed."""
    files: dict[str, Stamp] = {}
    folders: list[str] = []
    root, waiting = str(folder), [""]
    while waiting:
        inside = waiting.pop()
        try:
            with os.scandir(f"{root}/{inside}") as scan:
                entries = list(scan)
        except OSError:
            continue
        if inside:
            if not _SIGNS_SET.isdisjoint([entry.name for entry in entries]):
                continue
            folders.append(inside.rstrip("/"))
        for entry in entries:
            name = entry.name
            try:
                if entry.is_dir(follow_symlinks=False):
                    if name not in _IGNORED_FOLDERS:
                        waiting.append(f"{inside}{name}/")
                elif not name.endswith(_IGNORED_FILES) and entry.is_file():
                    status = entry.stat()
                    files[inside + name] = (status.st_size, status.st_mtime_ns, status.st_ino)
            except OSError:
                continue  # it went away meanwhile
    return Snapshot(files, frozenset(folders))


class Skeleton:
    """The directories below a folder, looked at again only where something came or went.

    Those that `walk` leaves out, and hidden ones, are not in it.

    Parameters
    ----------
    folder : Path
        Where they are.
    most : int
        No more than so many; those that are less deep come first.
    """

    def __init__(self, folder: Path, most: int = 100) -> None:
        self._root, self._most = str(folder), most
        self._known: dict[str, tuple[int, list[str]]] = {}

    def read(self) -> list[str]:
        """Return the directories, relative with ``/``, sorted."""
        known, found, waiting = self._known, list[str](), [""]
        self._known = {}
        while waiting and len(found) < self._most:
            inside = waiting.pop(0)
            try:
                changed_ns = os.stat(f"{self._root}/{inside}").st_mtime_ns  # noqa: PTH116 - quicker
                entry = known.get(inside)
                if entry is None or entry[0] != changed_ns:
                    entry = changed_ns, self._look_into(inside)
            except OSError:
                continue
            self._known[inside] = entry
            found += entry[1]
            waiting += entry[1]
        return sorted(found[: self._most])

    def _look_into(self, inside: str) -> list[str]:
        return sorted(
            f"{inside}/{entry.name}".lstrip("/")
            for entry in os.scandir(f"{self._root}/{inside}")
            if entry.is_dir(follow_symlinks=False)
            and not entry.name.startswith(".")
            and not is_ignored(Path(entry.path))
        )


def is_ignored(folder: Path) -> bool:
    """Tell whether a folder is none of the user's own work."""
    return folder.name in _IGNORED_FOLDERS or any((folder / sign).exists() for sign in _SIGNS)


def check_limits(what: str, files: Iterable[Path], limits: Limits) -> None:
    """Refuse what is too large.

    Raises
    ------
    BundleTooLarge
        It names the largest files.
    """
    sizes = sorted(((size_of(path), str(path)) for path in files), reverse=True)
    total = sum(size for size, _ in sizes)
    if total > limits.total_bytes or len(sizes) > limits.files:
        largest = tuple((path, size) for size, path in sizes[:_SHOWN])
        raise BundleTooLarge(what, total, len(sizes), largest)


def stamps_of(paths: Iterable[str]) -> dict[str, Stamp | None]:
    """Return ``path → (length, time of change in ns, inode)``; None for what is not there."""
    found: dict[str, Stamp | None] = {}
    for path in paths:
        try:
            status = os.stat(path)  # noqa: PTH116 - of many files, before each cell
        except OSError:
            found[path] = None
        else:
            found[path] = status.st_size, status.st_mtime_ns, status.st_ino
    return found


def is_settled(stamps: Iterable[Stamp | None]) -> bool:
    """Tell whether the times of change are long past: one that is recent may not tell two apart."""
    recent_ns = (time.time() - _COARSE_S) * 1e9
    return all(stamp is None or stamp[1] < recent_ns for stamp in stamps)


def size_of(path: Path) -> int:
    """Return the length of a file, 0 if it has gone away."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


class Digests:
    """Hashes of files, computed again only for files that may have changed.

    A file counts as unchanged while length, time of change and inode are the same; one that was
    changed just before it was hashed is hashed again, because its time may not tell two changes
    apart.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[Stamp, str]] = {}

    def note(self, path: Path, sha256: str) -> None:
        """Take note of the hash of a file that was just written."""
        status = path.stat()
        self._known[str(path)] = (status.st_size, status.st_mtime_ns, status.st_ino), sha256

    def sha256(self, path: Path) -> tuple[str, os.stat_result]:
        """Return the hash of a file, in hexadecimal, and what the system knows of it.

        Raises
        ------
        OSError
            When it cannot be read.
        """
        status = path.stat()
        stamp = (status.st_size, status.st_mtime_ns, status.st_ino)
        known = self._known.get(str(path))
        if known is not None and known[0] == stamp:
            return known[1], status
        now = time.time()
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if now - status.st_mtime > _COARSE_S:
            self._known[str(path)] = (stamp, digest)
        return digest, status
