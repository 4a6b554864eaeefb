"""The copy of the notebook's folder on this node: what cells do to its files goes home.

Only for a notebook on another machine. Files elsewhere stay where the cell put them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from jupyter_scale.environment.folders import Snapshot, take_snapshot
from jupyter_scale.environment.node.machine import cache_root
from jupyter_scale.model.messages import FileRequest, FolderChange
from jupyter_scale.shipping.ambient.sites import Site

_INLINE_BYTES = 256 * 1024
_MODES = 0o777


def mirrors_root() -> str:
    """Return the directory of all mirrors on this node.

    ``JUPYTER_SCALE_CACHE`` names the cache where it is not in its usual place.
    """
    return str(cache_root({"cache": os.environ.get("JUPYTER_SCALE_CACHE", "")}) / "mirrors")


class MirroredFolder:
    """The copy of one notebook's folder."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._before = Snapshot({}, frozenset())
        self._inode = 0
        self._made: list[str] = []

    def begin(self, site: Site | None, folders: Iterable[str] | None) -> bool:
        """Take note of what is there before a cell; tell whether the copy is still there.

        Parameters
        ----------
        site
            Where the folder is; None: the notebook is on this machine, and nothing is to be done.
        folders
            Directories that the notebook has; None if nothing came from there since the last cell.
        """
        inside = None if site is None else site.inward(site.folder)
        self._folder = None if inside is None else Path(inside)
        if self._folder is None:
            return True
        if folders is not None:
            self._make_like(self._folder, list(folders))
        self._stand_on(self._folder)
        known, self._inode = self._inode, self._folder.stat().st_ino
        self._before = take_snapshot(self._folder)
        return known in {0, self._inode}

    @staticmethod
    def _stand_on(folder: Path) -> None:
        """Have the folder, and a working directory: somebody may have cleaned up."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.getcwd()  # noqa: PTH109 - it is asked whether there is one
        except OSError:
            os.chdir(folder)

    def _make_like(self, folder: Path, folders: list[str]) -> None:
        for path in folders:
            with contextlib.suppress(OSError):  # a cell has made a file of that name
                (folder / path).mkdir(mode=0o755, parents=True, exist_ok=True)
        for path in sorted(set(self._made) - set(folders), reverse=True):
            with contextlib.suppress(OSError):  # not empty, or gone
                (folder / path).rmdir()
        self._made = folders

    def end(self) -> FolderChange | None:
        """Return what has happened since; None if nothing."""
        if self._folder is None or not self._is_the_same(self._folder):
            return None
        before, now = self._before, take_snapshot(self._folder)
        put, contents, left = [], {}, _INLINE_BYTES
        for path, state in sorted(now.files.items()):
            if before.files.get(path) == state:
                continue
            with contextlib.suppress(OSError):
                file = self._folder / path
                if state[0] <= left:
                    contents[path] = file.read_bytes()
                    left -= len(contents[path])
                size = len(contents[path]) if path in contents else state[0]
                put.append((path, size, file.stat().st_mode & _MODES))
        removed = sorted(before.files.keys() - now.files.keys())
        made, gone = sorted(now.folders - before.folders), sorted(before.folders - now.folders)
        if not (put or removed or made or gone):
            return None
        return FolderChange(put, removed, made, gone, contents)

    @property
    def path(self) -> str:
        """Where it is; empty when the notebook is on this machine."""
        return "" if self._folder is None else str(self._folder)

    def _is_the_same(self, folder: Path) -> bool:
        """Tell whether nobody has removed the whole copy: that was none of the cell's doing."""
        try:
            return folder.stat().st_ino == self._inode
        except OSError:
            return False

    def read(self, request: FileRequest) -> bytes:
        """Return a part of a file.

        Raises
        ------
        OSError
            It is not there any more, or not in the folder.
        """
        if self._folder is None:
            raise FileNotFoundError(request.path)
        with (self._folder / request.path).open("rb") as file:
            file.seek(request.offset)
            return file.read(request.length)
