"""Files that the laptop puts into the cache once: `uv`, and wheels."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, BinaryIO

from jupyter_scale.environment.node import machine
from jupyter_scale.environment.node.receiving import check_path, locked, receive, staging_beside
from jupyter_scale.environment.node.report import Report, refusal_of


def missing(request: dict[str, Any], _data: BinaryIO, _report: Report) -> dict[str, Any]:
    """Return the paths, of all ``files``, that are not in the cache in that length.

    Parameters
    ----------
    request : dict
        ``files``: dictionaries with the fields of `BundleFile`; paths are relative to the cache.
    """
    root = machine.cache_root(request)
    absent = []
    for file in request["files"]:
        check_path(file["path"])
        with contextlib.suppress(OSError):
            if (root / file["path"]).stat().st_size == file["size_bytes"]:
                continue
        absent.append(file["path"])
    return {"event": "missing", "paths": absent}


def store(request: dict[str, Any], data: BinaryIO, report: Report) -> dict[str, Any]:
    """Write files into the cache; each appears whole or not at all.

    Parameters
    ----------
    request : dict
        ``put`` and ``contents``, as for `jupyter_scale.environment.node.mirror.unpack`.
    """
    root = machine.cache_root(request)
    for file in request["put"]:
        check_path(file["path"])
    report.step("upload", f"receiving {len(request['put'])} files")
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with staging_beside(root / "store") as staging:
            receive(request, data, staging)
            with locked(root / "store"):
                for file in request["put"]:
                    _place(staging / file["sha256"], root / file["path"], int(file["mode"]))
    except OSError as error:
        raise refusal_of(error, str(root)) from error
    return {"event": "stored", "files": len(request["put"])}


def _place(content: Path, target: Path, mode: int) -> None:
    """Move a content to where it belongs; files of equal content are links to one."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content.chmod(mode & 0o777)
    draft = target.with_name(target.name + ".new")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    os.link(str(content), str(draft))
    draft.replace(target)
