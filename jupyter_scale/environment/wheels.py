"""A wheel made of an installed package: exactly the files that the notebook uses."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import itertools
import os
import re
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path, PurePosixPath

from jupyter_scale.errors import ScaleError

_INSTALLERS_OWN = frozenset({"RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED"})
_NOT_IN_WHEEL = _INSTALLERS_OWN | {"direct_url.json"}
_SHEBANG = re.compile(rb"#!.*python[0-9.]*")
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # no zip file knows an earlier date


class CannotCarry(ScaleError):
    """No wheel can be made of an installed package."""


def make_wheel(metadata_path: str, folder: Path) -> Path:
    """Write a wheel of an installed package into a folder, and return its path.

    Equal files give equal wheels. Scripts that start a function are left out: installing makes
    them anew.

    Parameters
    ----------
    metadata_path : str
        Its ``.dist-info`` directory.
    folder : Path
        Where the wheel goes; it is made when missing.

    Raises
    ------
    CannotCarry
        When the package has no record of its files, or some are gone.
    """
    info = Path(metadata_path)
    distribution = Distribution.at(info)
    tags = re.findall(r"^Tag:\s*(\S+)", distribution.read_text("WHEEL") or "", re.MULTILINE)
    if not tags or distribution.files is None:
        raise CannotCarry(f"{info.stem} has no record of its files.")
    stem = info.name.removesuffix(".dist-info")
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{stem}-{_compressed(tags)}.whl"
    draft = wheel.with_suffix(f".{os.getpid()}.new")
    try:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            rows = [
                _add(archive, path, name) for path, name in sorted(_contents(distribution, stem))
            ]
            _write_record(archive, f"{stem}.dist-info/RECORD", rows)
        draft.replace(wheel)
    except OSError as error:
        raise CannotCarry(f"{stem} is not complete: {error}") from error
    finally:
        draft.unlink(missing_ok=True)
    return wheel


def _contents(distribution: Distribution, stem: str) -> Iterator[tuple[Path, str]]:
    """Yield every file of a package, and what it is called in a wheel."""
    started = {entry.name for entry in distribution.entry_points if "scripts" in entry.group}
    for listed in distribution.files or ():
        name = PurePosixPath(listed)
        path = Path(os.path.normpath(str(distribution.locate_file(listed))))
        if name.suffix == ".pyc" or (
            name.parent.name.endswith(".dist-info") and name.name in _NOT_IN_WHEEL
        ):
            continue
        if ".." not in name.parts and not name.is_absolute():
            yield path, str(name)
        elif path.is_relative_to(sys.prefix):
            inside = path.relative_to(sys.prefix)
            if inside.parts[0] != "bin":
                yield path, f"{stem}.data/data/{inside.as_posix()}"
            elif path.name not in started:
                yield path, f"{stem}.data/scripts/{path.name}"


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> tuple[str, str, str]:
    """Add a file, and return its row of the record."""
    content = path.read_bytes()
    if ".data/scripts/" in name:
        content = _SHEBANG.sub(b"#!python", content, count=1) if content[:2] == b"#!" else content
    entry = zipfile.ZipInfo(name, _EARLIEST)
    entry.external_attr = (path.stat().st_mode & 0xFFFF) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)
    return name, f"sha256={_digest(content)}", str(len(content))


def _write_record(archive: zipfile.ZipFile, name: str, rows: list[tuple[str, str, str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([*rows, (name, "", "")])
    archive.writestr(zipfile.ZipInfo(name, _EARLIEST), text.getvalue())


def _digest(content: bytes) -> str:
    raw = hashlib.sha256(content).digest()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _compressed(tags: list[str]) -> str:
    """Return several tags as the one of a file name."""
    parts = zip(*(tag.split("-") for tag in sorted(tags)), strict=True)
    return "-".join(".".join(k for k, _ in itertools.groupby(sorted(part))) for part in parts)
