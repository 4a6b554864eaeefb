"""What is installed in an interpreter: the facts of which a lock is made.

Run as a file by another interpreter, it writes them as JSON: ``python installed.py``.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

_METADATA = re.compile(r"(.+?)-([^-]+)\.(?:dist|egg)-info")


@dataclass(frozen=True)
class Installed:
    """One distribution.

    Parameters
    ----------
    name : str
        Normalised.
    version : str
        As its metadata say.
    metadata_path : str
        Its ``.dist-info`` (or ``.egg-info``) directory.
    installer : str
        Who has put it there: ``"pip"``, ``"uv"``, ``"conda"``, ``"debian"``; empty if unknown.
    direct_url : dict
        Where it was installed from if not from an index, as PEP 610 has it.
    tags : tuple of str
        Of its wheel; empty if it was not made of one.
    is_in_place : bool
        It was not copied to where packages are installed: its files are its sources.
    size_bytes : int
        What its files take, as far as its record tells.
    digest : str
        A hash of its record.
    """

    name: str
    version: str
    metadata_path: str
    installer: str
    direct_url: dict[str, Any]
    tags: tuple[str, ...]
    is_in_place: bool
    size_bytes: int
    digest: str


@dataclass(frozen=True)
class Interpreter:
    """An interpreter, and what can be imported by it.

    Parameters
    ----------
    python : str
        Minor version, as in `EnvironmentLock`.
    platform : str
        As in `EnvironmentLock`.
    packages : tuple of Installed
        Each name once: the one that importing finds.
    micro : int
        The third number of its version.
    """

    python: str
    platform: str
    packages: tuple[Installed, ...]
    micro: int = 0

    def to_json(self) -> str:
        """Return the facts as a JSON document."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Interpreter:
        """Rebuild what `to_json` returned."""
        data = json.loads(text)
        packages = (Installed(**{**one, "tags": tuple(one["tags"])}) for one in data["packages"])
        return cls(**{**data, "packages": tuple(packages)})


def look_at_interpreter() -> Interpreter:
    """Return what can be imported by this process; about 0.1 s for a hundred packages."""
    threads = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    return Interpreter(
        python=f"{sys.version_info[0]}.{sys.version_info[1]}{threads}",
        platform=f"{sys.platform}-{platform.machine().lower()}",
        packages=tuple(packages_in(importlib.metadata.distributions())),
        micro=sys.version_info[2],
    )


def stamp(path: Iterable[str] | None = None) -> tuple[tuple[str, int], ...]:
    """Return what differs after any installation: when the folders of the path last changed.

    It takes microseconds, and tells whether `look_at_interpreter` may see something new.
    """
    found = []
    for folder in sys.path if path is None else path:
        try:
            found.append((folder, Path(folder).stat().st_mtime_ns))
        except OSError:
            continue
    return tuple(found)


def versions(path: Iterable[str] | None = None) -> dict[str, str]:
    """Return ``name → version`` of what is installed, each name once: the first one.

    Only the names of directories are read, which takes about a millisecond.
    """
    found: dict[str, str] = {}
    for folder in sys.path if path is None else path:
        try:
            entries = sorted(entry.name for entry in Path(folder).iterdir())
        except OSError:
            continue
        for match in filter(None, map(_METADATA.fullmatch, entries)):
            found.setdefault(normalised(match[1]), match[2])
    return found


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return ``name → (version before, version now)`` of packages that are there in another one."""
    return {
        name: (version, now[name])
        for name, version in before.items()
        if name in now and now[name] != version
    }


def normalised(name: str) -> str:
    """Return a package's name in the form in which equal names are equal texts."""
    return re.sub(r"[-_.]+", "-", name).lower()


def packages_in(distributions: Iterable[Distribution]) -> Iterator[Installed]:
    """Yield what is installed, each name once: the first one."""
    seen = set()
    for distribution in distributions:
        try:
            name, version = distribution.metadata["Name"], distribution.version
        except (KeyError, OSError, ValueError, TypeError):
            continue  # what an interrupted installation left
        if not name or not version or normalised(name) in seen:
            continue
        seen.add(normalised(name))
        yield _installed(normalised(name), version, distribution)


def _installed(name: str, version: str, distribution: Distribution) -> Installed:
    path = Path(str(getattr(distribution, "_path", "")))
    record = _text(distribution, "RECORD")
    try:
        direct_url = json.loads(_text(distribution, "direct_url.json") or "{}")
    except ValueError:
        direct_url = {}
    tags = re.findall(r"^Tag:\s*(\S+)", _text(distribution, "WHEEL"), re.MULTILINE)
    is_editable = bool(direct_url.get("dir_info", {}).get("editable"))
    return Installed(
        name=name,
        version=version,
        metadata_path=str(path),
        installer=_text(distribution, "INSTALLER").strip().lower(),
        direct_url=direct_url,
        tags=tuple(sorted(tags)),
        is_in_place=is_editable or not _is_installed_in(path.parent),
        size_bytes=sum(_sizes(record)),
        digest=hashlib.sha256(record.encode()).hexdigest()[:20] if record else "",
    )


def _text(distribution: Distribution, name: str) -> str:
    try:
        return distribution.read_text(name) or ""
    except (OSError, UnicodeDecodeError):
        return ""


def _is_installed_in(folder: Path) -> bool:
    """Tell whether packages are installed in a folder, and not developed there."""
    if {"site-packages", "dist-packages"} & set(folder.parts):
        return True
    paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return str(folder) in paths or any(folder.glob("*.dist-info/RECORD"))


def _sizes(record: str) -> Iterator[int]:
    for line in record.splitlines():
        size = line.rpartition(",")[2]
        if size.isdigit():
            yield int(size)


if __name__ == "__main__":
    sys.stdout.write(look_at_interpreter().to_json())
