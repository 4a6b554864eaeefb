"""Files that a cell on another machine has written, put in their places in the notebook's folder.

Laws:

1. A file appears whole or not at all.
2. What was changed here since the cell began is not overwritten: the cluster's goes beside it.
3. Nothing outside of the notebook's folder is touched.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from jupyter_scale.model.messages import FolderChange
from jupyter_scale.model.run import format_bytes
from jupyter_scale.session.readahead import Ask, ReadAhead, parts_of

#: So much at most comes home of one cell.
HOME_LIMIT_BYTES = 1_000_000_000
BESIDE = ".from-cluster"
_LONG_BYTES = 1 << 22
_MODE = 0o644


@dataclass
class Homecoming:
    """What became of the files of one cell.

    Attributes
    ----------
    seen
        ``path → (hash, length)`` of what the cluster has now.
    written
        Paths that are here now as they are there.
    removed
        Paths that the cluster has no more.
    received_bytes
        How much travelled.
    notes
        Sentences for the user.
    """

    seen: dict[str, tuple[str, int]] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    received_bytes: int = 0
    notes: list[str] = field(default_factory=list)


class Receiver:
    """Puts what comes home into a folder.

    Parameters
    ----------
    folder
        The notebook's.
    known
        ``path → hash`` of the files that the cluster had when the cell began.
    ask
        Asks the cluster for a part of a file.
    limit_bytes
        How much comes home of one cell.
    on_progress
        Told in words what is going on.
    """

    def __init__(
        self,
        folder: Path,
        known: Mapping[str, str],
        ask: Ask,
        limit_bytes: int,
        on_progress: Callable[[str], object],
    ) -> None:
        self._folder, self._root = folder, folder.resolve()
        self._known, self._ask, self._limit_bytes = known, ask, limit_bytes
        self._on_progress = on_progress
        self._home = Homecoming()

    def take(self, change: FolderChange) -> Homecoming:
        """Make the folder what the cell has left, as far as that overwrites nothing."""
        for path in change.made:
            if self._is_inside(path):
                with contextlib.suppress(OSError):  # a file has that name here
                    (self._folder / path).mkdir(parents=True, exist_ok=True)
        self._take_files(change)
        self._home.removed = list(change.removed)
        for path in filter(self._is_inside, change.removed):
            self._remove(path)
        for path in sorted(filter(self._is_inside, change.gone), reverse=True):
            with contextlib.suppress(OSError):  # something else is in it
                (self._folder / path).rmdir()
        return self._home

    def _take_files(self, change: FolderChange) -> None:
        files = list(self._wanted(change))
        long = [(path, size) for path, size, _ in files if path not in change.contents]
        parts = (part for path, size in long for part in parts_of(path, size))
        ahead, left = ReadAhead(parts, self._ask), sum(size for _, size, _ in files)
        for number, (path, size, mode) in enumerate(files):
            try:
                self._take_file(path, size, mode, change.contents.get(path), ahead)
            except KeyboardInterrupt:
                ahead.close()
                self._home.notes.append(
                    f"interrupted: {len(files) - number} files stay on the cluster,"
                    f" {path!r} and what comes after it"
                )
                return
            except OSError as error:
                self._home.notes.append(f"{path!r} stays on the cluster: {error}")
            left -= size
            if left > _LONG_BYTES:
                self._on_progress(f"bringing files home: {format_bytes(left)} to go …")

    def _wanted(self, change: FolderChange) -> Iterator[tuple[str, int, int]]:
        """Yield the files that come home, and note which do not."""
        total = 0
        for path, size, mode in change.put:
            if not self._is_inside(path):
                self._home.notes.append(f"{path!r} stays on the cluster: it leads out of here")
            elif total + size > self._limit_bytes:
                self._home.notes.append(
                    f"the file {path!r} ({format_bytes(size)}) stays on the cluster: no more than"
                    f" {format_bytes(self._limit_bytes)} of files come home from one cell"
                )
            else:
                total += size
                yield path, size, mode

    def _take_file(
        self, path: str, size: int, mode: int, content: bytes | None, ahead: ReadAhead
    ) -> None:
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)
        try:
            digest, length = hashlib.sha256(), 0
            with os.fdopen(handle, "wb") as file:
                for piece in [content] if content is not None else self._pieces(path, size, ahead):
                    file.write(piece)
                    digest.update(piece)
                    length += len(piece)
            self._home.received_bytes += length
            self._home.seen[path] = digest.hexdigest(), length
            self._place(Path(draft), target, path, mode)
        finally:
            with contextlib.suppress(FileNotFoundError):
                Path(draft).unlink()

    def _pieces(self, path: str, size: int, ahead: ReadAhead) -> Iterator[bytes]:
        come = 0
        for part in parts_of(path, size):
            piece = ahead.take(part)
            yield piece
            come += len(piece)
            if len(piece) < part.length:
                return  # it is shorter by now
            if size > _LONG_BYTES:
                done = f"{format_bytes(come)} of {format_bytes(size)}"
                self._on_progress(f"bringing {path} home: {done}")

    def _place(self, draft: Path, target: Path, path: str, mode: int) -> None:
        """Move a file to its place, or beside it if that was changed here."""
        new, here = self._home.seen[path][0], _hash_of(target)
        if here == new:
            self._home.written.append(path)
            return
        if here is None and not os.path.lexists(target):
            draft.chmod(mode & ~_umask())
        elif here is not None and here == self._known.get(path) and not target.is_symlink():
            draft.chmod(target.stat().st_mode & 0o7777)
        else:
            draft.chmod(_MODE & ~_umask())
            draft.replace(target.with_name(target.name + BESIDE))
            why = "was changed here meanwhile" if path in self._known else "was here already"
            self._home.notes.append(
                f"the file {path!r} {why}: what the cell wrote is in {path + BESIDE!r}"
            )
            return
        draft.replace(target)
        self._home.written.append(path)

    def _remove(self, path: str) -> None:
        target = self._folder / path
        here = _hash_of(target)
        if here is None:
            return
        if here == self._known.get(path):
            with contextlib.suppress(OSError):
                target.unlink()
        else:
            self._home.notes.append(
                f"the cell has removed {path!r}, which is other here than on the cluster: it is"
                " kept"
            )

    def _is_inside(self, path: str) -> bool:
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts:
            return False
        return (self._folder / path).parent.resolve().is_relative_to(self._root)


def _hash_of(file: Path) -> str | None:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError:
        return None


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
