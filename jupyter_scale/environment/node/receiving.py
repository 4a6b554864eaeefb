"""Contents of files as they come in: one compressed stream, each checked by its hash."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from jupyter_scale.environment.node.report import Refused

_PIECE_BYTES = 1 << 16


def receive(change: dict[str, Any], data: BinaryIO, staging: Path) -> None:
    """Write what travels into files that have their hash for a name.

    Parameters
    ----------
    change : dict
        ``put``: the files, ``contents``: the hashes of what is in the stream, in its order.
    data : file
        The stream, compressed by zlib.
    staging : Path
        An existing directory.

    Raises
    ------
    Refused
        When a content is not what its hash says.
    """
    sizes = {file["sha256"]: int(file["size_bytes"]) for file in change["put"]}
    pieces = _Pieces(data)
    for sha256 in change["contents"]:
        digest = hashlib.sha256()
        if sha256 not in sizes or not re.fullmatch("[0-9a-f]{64}", sha256):
            raise Refused("bundle", f"A content belongs to no file: {sha256}")
        with (staging / sha256).open("wb") as file:
            for piece in pieces.read(sizes[sha256]):
                digest.update(piece)
                file.write(piece)
        if digest.hexdigest() != sha256:
            raise Refused("bundle", "A file has changed on its way: send it again.")


def check_path(path: str) -> None:
    """Refuse paths that are not below the directory, or that other systems read differently."""
    parts = path.split("/")
    if not path or "\0" in path or "\\" in path or any(part in ("", ".", "..") for part in parts):
        raise Refused("bundle", f"Not a path below a bundle: {path!r}")


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep others from changing a directory; not while anything is waited for."""
    lock = os.open(str(directory) + ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def staging_beside(directory: Path) -> Iterator[Path]:
    """Yield an empty directory on the same disk, the caller's own; others may have theirs.

    What travels may never come to its end, and this machine not learn that the link is broken: who
    receives must not hold anybody up. Directories whose processes have ended are removed.
    """
    with locked(directory):
        for left in directory.parent.glob(directory.name + ".draft-*"):
            _remove_unless_held(left)
        made = tempfile.mkdtemp(prefix=directory.name + ".draft-", dir=str(directory.parent))
        held = os.open(made, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
    try:
        yield Path(made)
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(held)


def _remove_unless_held(staging: Path) -> None:
    with contextlib.suppress(OSError):  # it has just gone, or somebody holds it
        held = os.open(str(staging), os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(str(staging), ignore_errors=True)
        finally:
            os.close(held)


class _Pieces:
    """Reads exactly so many bytes from a compressed stream."""

    def __init__(self, data: BinaryIO) -> None:
        self._data, self._stream, self._rest = data, zlib.decompressobj(), b""

    def read(self, size: int) -> Iterator[bytes]:
        """Yield the next `size` bytes."""
        while size > 0:
            piece = self._stream.decompress(self._rest, min(size, _PIECE_BYTES))
            self._rest = self._stream.unconsumed_tail
            if piece:
                size -= len(piece)
                yield piece
            elif not self._rest:
                self._rest = self._data.read(_PIECE_BYTES)
                if not self._rest:
                    raise Refused("bundle", "The stream of files ended too early: send it again.")
