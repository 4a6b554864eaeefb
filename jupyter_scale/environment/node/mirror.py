"""Copies of the laptop's files: one directory for each folder of notebooks, changed in place.

::

    <cache>/mirrors/<key>/        the files, under paths that stay the same when they are edited
    <cache>/mirrors/<key>.json    what was put there: path → hash, length, mode, time of change
    <cache>/mirrors/<key>.lock    held while it changes

Every file appears whole or not at all. One that was changed here meanwhile, or removed, is known no
more, and so is sent again when it is needed. The files are copies that nothing else refers to: a
cell may write into them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import time
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from jupyter_scale.environment.node import machine
from jupyter_scale.environment.node.receiving import check_path, locked, receive, staging_beside
from jupyter_scale.environment.node.report import Refused, Report, refusal_of

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_MODES = 0o777
_DAY_S = 86400.0


def known(request: dict[str, Any], _data: BinaryIO, _report: Report) -> dict[str, Any]:
    """Return the files that are here as they were sent: the fields of `BundleFile`.

    Parameters
    ----------
    request : dict
        ``key``: which mirror; it need not exist.
    """
    root = machine.cache_root(request)
    directory = _directory(root, request)
    with contextlib.suppress(OSError):
        os.utime(str(_record_path(directory)))  # it is in use: see `clean`
    files = [
        {"path": path, "sha256": entry[0], "size_bytes": entry[1], "mode": entry[2]}
        for path, entry in sorted(_unchanged(directory, _read_record(directory)).items())
    ]
    return {"event": "known", "directory": str(directory), "files": files}


def unpack(request: dict[str, Any], data: BinaryIO, _report: Report) -> dict[str, Any]:
    """Change a mirror, and return where it is.

    Parameters
    ----------
    request : dict
        ``key``, and the fields of a `BundleChange`.
    data : file
        The contents that it names, one after the other, compressed by zlib as one stream.
    """
    root = machine.cache_root(request)
    directory = _directory(root, request)
    try:
        change_mirror(directory, request, data)
    except OSError as error:
        raise refusal_of(error, str(directory)) from error
    return {"event": "unpacked", "directory": str(directory), "files": len(request["put"])}


def is_whole(directory: Path) -> bool:
    """Tell whether a mirror has every file as it was sent; it is noted that it is in use."""
    record = _read_record(directory)
    with contextlib.suppress(OSError):
        os.utime(str(_record_path(directory)))  # see `clean`
    return bool(record) and len(_unchanged(directory, record)) == len(record)


def clean(root: Path, unused_days: float) -> None:
    """Remove mirrors that nobody has asked for lately."""
    for record in (root / "mirrors").glob("*.json"):
        directory = record.with_suffix("")
        with contextlib.suppress(OSError), locked(directory):
            if time.time() - record.stat().st_mtime >= unused_days * _DAY_S:
                shutil.rmtree(str(directory), ignore_errors=True)
                record.unlink()


def change_mirror(directory: Path, change: dict[str, Any], data: BinaryIO) -> None:
    """Put files into a mirror, and remove others.

    Raises
    ------
    Refused
        When a path leads out of the directory, or a content is not what its hash says. Nothing has
        changed then.
    """
    for file in change["put"]:
        check_path(file["path"])
    for path in change["remove"]:
        check_path(path)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with staging_beside(directory) as staging:
        receive(change, data, staging)
        with locked(directory):
            _change(directory, change, staging)


def _change(directory: Path, change: dict[str, Any], staging: Path) -> None:
    record = _read_record(directory)
    _find_here(change, directory, _unchanged(directory, record), staging)
    for path in change["remove"]:
        _remove(directory, path)
        record.pop(path, None)
    for file in change["put"]:
        target = _place(directory, file["path"])
        draft = staging / "draft"
        shutil.copyfile(str(staging / file["sha256"]), str(draft))
        draft.chmod((int(file["mode"]) & _MODES) | 0o600)
        draft.replace(target)
        _forget_compiled(target)
        record[file["path"]] = _state(target, file)
    _write_record(directory, record)


def _find_here(
    change: dict[str, Any], directory: Path, record: dict[str, Any], staging: Path
) -> None:
    """Copy the contents that did not travel from files that have them."""
    by_hash = {entry[0]: path for path, entry in record.items()}
    for file in change["put"]:
        copy = staging / file["sha256"]
        if copy.exists():
            continue
        path = by_hash.get(file["sha256"])
        if path is not None:
            shutil.copyfile(str(directory / path), str(copy))
        if path is None or hashlib.sha256(copy.read_bytes()).hexdigest() != file["sha256"]:
            raise Refused(
                "unknown", f"The content of {file['path']} is not here any more: send it."
            )


def _directory(root: Path, request: dict[str, Any]) -> Path:
    key: str = request["key"]
    if not _KEY.fullmatch(key):
        raise Refused("bundle", f"Not the key of a mirror: {key!r}")
    return root / "mirrors" / key


def _place(directory: Path, path: str) -> Path:
    """Return where a file goes. The folders on its way are made; what is in the way is removed."""
    folder: Path = directory
    parts = PurePosixPath(path).parts
    for part in parts[:-1]:
        folder = folder / part
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            folder.unlink()  # never write through a link to somewhere else
        folder.mkdir(mode=0o755, exist_ok=True)
    target = folder / parts[-1]
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(str(target))
    return target


def _remove(directory: Path, path: str) -> None:
    """Remove a file, and the folders that are empty without it, but those at the top.

    A cell may be running in a copy of the notebook's folder, for another kernel or for none.
    """
    target = directory / path
    folders = [
        directory.joinpath(*PurePosixPath(path).parts[:i]) for i in range(path.count("/") + 1)
    ]
    if any(folder.is_symlink() for folder in folders[1:]):
        return
    _forget_compiled(target)
    with contextlib.suppress(OSError):
        target.unlink()
    for folder in reversed(folders[1:]):
        with contextlib.suppress(OSError):
            (folder / "__pycache__").rmdir()
        if folder.parent != directory:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _forget_compiled(target: Path) -> None:
    """Remove compiled code of a file: an edit within one second may leave time and length equal."""
    if target.suffix == ".py":
        for compiled in (target.parent / "__pycache__").glob(target.stem + ".*.pyc"):
            with contextlib.suppress(OSError):
                compiled.unlink()


def _state(target: Path, file: dict[str, Any]) -> list[Any]:
    return [file["sha256"], file["size_bytes"], file["mode"], target.stat().st_mtime_ns]


def _unchanged(directory: Path, record: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a record that still holds."""
    found = {}
    for path, entry in record.items():
        with contextlib.suppress(OSError):
            status = os.lstat(str(directory / path))
            if (status.st_size, status.st_mtime_ns) == (entry[1], entry[3]):
                found[path] = entry
    return found


def _read_record(directory: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(_record_path(directory).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record


def _write_record(directory: Path, record: dict[str, Any]) -> None:
    draft = Path(str(directory) + ".new")
    draft.write_text(json.dumps(record), encoding="utf-8")
    draft.replace(_record_path(directory))


def _record_path(directory: Path) -> Path:
    return Path(str(directory) + ".json")
