"""Shared memory between processes of one machine: files in a private memory-backed directory.

A segment lives only while it is on its way: the last receiver maps it privately and removes its
name at once. Each session has a directory of its own below the cluster's: what a crash leaves goes
with it. The runner makes and removes it; if the runner is killed, its kernel removes it; if both
are, the node's keeper does with the cluster's.
"""

from __future__ import annotations

import mmap
import os
import secrets
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

_ALIGNMENT = 64  # of every buffer: numpy's fast paths like cache lines
_REMOVE_TRIALS = 50


def session_directory(cluster_directory: Path, session: str) -> Path:
    """Return where the segments of one session are."""
    return cluster_directory / session


def remove_directory(directory: Path) -> None:
    """Remove a directory into which others may be writing meanwhile.

    Once it is gone nothing is written there any more: nobody makes it again.
    """
    for _ in range(_REMOVE_TRIALS):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        time.sleep(0.02)


def write_segment(directory: Path, buffers: Sequence[memoryview]) -> str:
    """Copy buffers into a new segment, one after the other, each aligned to 64 bytes.

    Nothing is written through a mapping: where there is no room, that would end the process.

    Returns
    -------
    str
        The segment's name in `directory`.

    Raises
    ------
    OSError
        When the memory file system is full; nothing is left there.
    """
    name = f"{os.getpid()}-{secrets.token_hex(8)}"
    path = directory / name
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        offset = 0
        for buffer in buffers:
            _write_all(descriptor, buffer.cast("B"), offset)
            offset = _aligned(offset + buffer.nbytes)
        os.ftruncate(descriptor, offset)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    return name


def write_segment_if_room(directory: Path, buffers: Sequence[memoryview]) -> str | None:
    """Do as `write_segment`; return None when there is no room, or the directory has gone."""
    try:
        return write_segment(directory, buffers)
    except OSError:
        return None


def _write_all(descriptor: int, buffer: memoryview, offset: int) -> None:
    while buffer:
        written = os.pwrite(descriptor, buffer, offset)
        offset += written
        buffer = buffer[written:]


def map_segment(directory: Path, name: str, sizes: Sequence[int]) -> list[memoryview]:
    """Map a segment and return its buffers: writable, and nobody else sees what is written.

    Parameters
    ----------
    sizes
        Bytes of every buffer, as written.
    """
    with _path(directory, name).open("rb") as file:
        mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    views, offset = [], 0
    for size in sizes:
        views.append(mapped[offset : offset + size])
        offset = _aligned(offset + size)
    return views


def drop_segment(directory: Path, name: str) -> None:
    """Remove a segment's name; mappings stay, and one that is gone is fine."""
    _path(directory, name).unlink(missing_ok=True)


def _path(directory: Path, name: str) -> Path:
    if "/" in name:
        msg = f"not the name of a segment: {name!r}"
        raise ValueError(msg)
    return directory / name


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT
