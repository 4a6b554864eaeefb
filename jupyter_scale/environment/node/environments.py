"""The environments of a node: one directory each, complete or not there.

::

    <cache>/environments/<hash>-<machine>/         a virtual environment
                                         complete.json   written last: nothing is used without it
                                         used            its mtime: when it was last asked for
    <cache>/environments/<hash>-<machine>.lock     held while it is made

Whoever finds a directory that is not complete, and gets the lock, knows that its maker is dead, and
begins anew. The machine is part of the name because nodes may share a home directory.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jupyter_scale.environment.node.report import Report

_DAY_S = 86400.0


def directory_of(root: Path, digest: str) -> Path:
    """Return where an environment is, or would be."""
    return root / "environments" / f"{digest}-{platform.machine().lower()}"


def python_of(directory: Path) -> str:
    """Return the path of its interpreter."""
    return str(directory / "bin" / "python")


def read_complete(directory: Path, *, is_asked_for: bool = True) -> dict[str, Any] | None:
    """Return what was written down when an environment was complete; None if it is not.

    One whose interpreter has been removed since is not.
    """
    try:
        facts: dict[str, Any] = json.loads((directory / "complete.json").read_text("utf-8"))
        if is_asked_for:
            os.utime(str(directory / "used"))
    except (OSError, ValueError):
        return None
    return facts if os.access(python_of(directory), os.X_OK) else None


def mark_complete(directory: Path, facts: dict[str, Any]) -> None:
    """Declare an environment complete; all of it is on the disk before."""
    (directory / "used").touch()
    draft = directory / "complete.json.new"
    with draft.open("w", encoding="utf-8") as file:
        json.dump(facts, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(directory / "complete.json")


@contextlib.contextmanager
def locked(directory: Path, report: Report) -> Iterator[int]:
    """Yield once nobody else makes this environment: the file descriptor that holds the lock."""
    directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        lock = os.open(_lock_path(directory), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                report.step("environment", "waiting for another start that makes this environment")
                with report.keeping_alive():
                    fcntl.flock(lock, fcntl.LOCK_EX)
            if _is_file_of(lock, directory):
                yield lock
                return
        finally:
            os.close(lock)


def is_tried(root: Path, lines: list[str]) -> bool:
    """Tell whether a complete environment has all but some additional ones of these packages.

    Importing the essential ones for the first time takes seconds; it need not be tried again.
    """
    for path in _directories(root):
        facts = read_complete(path, is_asked_for=False)
        if facts is not None and facts.get("lines") and set(facts["lines"]) <= set(lines):
            return True
    return False


def complete_ones(root: Path) -> list[str]:
    """Return the hashes of the environments that are complete."""
    suffix = "-" + platform.machine().lower()
    return sorted(
        path.parent.name[: -len(suffix)]
        for path in (root / "environments").glob(f"*{suffix}/complete.json")
    )


def inventory(root: Path) -> list[dict[str, Any]]:
    """Return ``hash, path, size_bytes, unused_days, is_complete, is_used`` of all environments.

    A file that several of them share counts for each.
    """
    return [_describe(path) for path in _directories(root)]


def clean(root: Path, unused_days: float, report: Report) -> list[dict[str, Any]]:
    """Remove environments that were not asked for lately; return what `inventory` says of them.

    Those that a process uses stay; so do those that are being made.

    Parameters
    ----------
    unused_days : float
        0: all of them.
    """
    removed = []
    for path in _directories(root):
        found = _describe(path)
        if found["is_used"] or found["unused_days"] < unused_days:
            continue
        with _free(path) as is_free:
            if is_free:
                report.step("clean", f"removing {path.name}")
                remove(path)
                removed.append(found)
    return removed


def remove(path: Path) -> None:
    """Remove a directory with all that is in it; gone already is success."""
    shutil.rmtree(str(path), ignore_errors=True)


@contextlib.contextmanager
def _free(directory: Path) -> Iterator[bool]:
    """Yield whether nobody makes an environment; until the end of the block nobody will."""
    lock = os.open(_lock_path(directory), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_free = True
        except BlockingIOError:
            is_free = False
        yield is_free
    finally:
        os.close(lock)


def _lock_path(directory: Path) -> str:
    return str(directory) + ".lock"


def _is_file_of(lock: int, directory: Path) -> bool:
    """Tell whether a lock's file still is the one that others will find: `clean` removes them."""
    try:
        return os.path.samestat(os.fstat(lock), os.stat(_lock_path(directory)))
    except OSError:
        return False


def _directories(root: Path) -> list[Path]:
    return sorted(path for path in (root / "environments").glob("*") if path.is_dir())


def _describe(path: Path) -> dict[str, Any]:
    used = path / "used"
    try:
        age_s = time.time() - (used if used.exists() else path).stat().st_mtime
    except OSError:
        age_s = 0.0
    return {
        "hash": path.name.partition("-")[0],
        "path": str(path),
        "size_bytes": _size(path),
        "unused_days": max(0.0, age_s) / _DAY_S,
        "is_complete": (path / "complete.json").exists(),
        "is_used": _is_used(path),
    }


def _size(path: Path) -> int:
    total = 0
    for folder, _, names in os.walk(str(path)):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


def _is_used(path: Path) -> bool:
    """Tell whether a process of this user was started with this environment's interpreter."""
    prefix = os.fsencode(str(path / "bin")) + b"/"
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if process.read_bytes().startswith(prefix):
                return True
    return False
