"""Bundles: the files of the notebook's own code, and of its folder, that a node has copies of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

BUNDLE_VERSION = 1


@dataclass(frozen=True)
class BundleFile:
    """One file.

    Parameters
    ----------
    path : str
        Where it goes below the bundle's directory: relative, with ``/``; the first part names the
        folder of the laptop that it comes from, see `Bundle`.
    sha256 : str
        Hexadecimal.
    size_bytes : int
        Its length.
    mode : int
        Its permission bits: whether it can be executed, that is.
    """

    path: str
    sha256: str
    size_bytes: int
    mode: int = 0o644


@dataclass(frozen=True)
class Bundle:
    """A set of files, each path once, sorted by path.

    Parameters
    ----------
    files : tuple of BundleFile
    folders : mapping
        ``first part of a path → the folder on the laptop that it stands for``.
    """

    files: tuple[BundleFile, ...]
    folders: Mapping[str, str]

    @property
    def size_bytes(self) -> int:
        """The sum of all files."""
        return sum(file.size_bytes for file in self.files)

    @property
    def hash(self) -> str:
        """Equal for equal files in equal places."""
        text = json.dumps([BUNDLE_VERSION, [asdict(file) for file in self.files]], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class BundleChange:
    """What makes the files of a node those of a bundle.

    Parameters
    ----------
    put : tuple of BundleFile
        Files that are new there, or other than they were.
    remove : tuple of str
        Paths of files that were there and are in the bundle no more.
    contents : tuple of str
        Hashes of what has to travel: contents that no file there has.
    """

    put: tuple[BundleFile, ...] = ()
    remove: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.put or self.remove)

    @property
    def size_bytes(self) -> int:
        """How much has to travel, before compression."""
        sizes = {file.sha256: file.size_bytes for file in self.put}
        return sum(sizes[sha256] for sha256 in self.contents)


def difference(wanted: Iterable[BundleFile], known: Iterable[BundleFile]) -> BundleChange:
    """Return what makes a node that has `known` files one that has `wanted` files."""
    had = {file.path: file for file in known}
    shall = {file.path: file for file in wanted}
    put = tuple(file for path, file in sorted(shall.items()) if had.get(path) != file)
    there = {file.sha256 for file in had.values()}
    return BundleChange(
        put=put,
        remove=tuple(sorted(had.keys() - shall.keys())),
        contents=tuple(sorted({file.sha256 for file in put} - there)),
    )
