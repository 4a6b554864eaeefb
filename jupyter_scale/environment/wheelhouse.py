"""A folder of wheels for a host without a package index.

For a host of the laptop's platform they are made of what is installed here, which needs no index
either. For others they are downloaded. What was made or downloaded once is kept. Whoever calls a
function of this module holds the cache by `alone`.
"""

from __future__ import annotations

import contextlib
import fcntl
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from jupyter_scale.environment.installed import Interpreter, normalised
from jupyter_scale.environment.wheels import CannotCarry, make_wheel
from jupyter_scale.errors import StartError
from jupyter_scale.model.environment import (
    Carried,
    EnvironmentLock,
    NodeFacts,
    Pin,
    Unmatched,
)

_DOWNLOAD_TIMEOUT_S = 1800.0
_OLDEST_GLIBC = 5
#: pip says that there is no such package also where it cannot ask for it.
_UNREACHABLE = "Retrying (Retry"
_ABSENT = re.compile(r"No matching distribution found for ([A-Za-z0-9._-]+)")


@dataclass(frozen=True)
class Wheelhouse:
    """Wheels, and what there is none of.

    Parameters
    ----------
    wheels : mapping
        ``name of the package → wheel``.
    unmatched : tuple of Unmatched
        The others.
    """

    wheels: Mapping[str, Path]
    unmatched: tuple[Unmatched, ...]


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a cache on the laptop: of hosts that are prepared at once, one fills it for all."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def collect_carried(
    carried: Iterable[Carried], interpreter: Interpreter, folder: Path
) -> Wheelhouse:
    """Make wheels of installed packages: each in a folder named by its content.

    Parameters
    ----------
    carried : iterable of Carried
        Which.
    interpreter : Interpreter
        Where they are installed.
    folder : Path
        A cache on the laptop.
    """
    where = {package.name: package.metadata_path for package in interpreter.packages}
    wheels, unmatched = {}, []
    for one in carried:
        cached = folder / "made" / one.digest
        found = sorted(cached.glob("*.whl"))
        try:
            wheels[one.name] = found[0] if found else make_wheel(where[one.name], cached)
        except (CannotCarry, KeyError) as error:
            unmatched.append(
                Unmatched(one.name, one.version, f"no wheel of it can be made: {error}")
            )
    return Wheelhouse(wheels, tuple(unmatched))


def collect_pins(
    lock: EnvironmentLock, interpreter: Interpreter, facts: NodeFacts, folder: Path
) -> Wheelhouse:
    """Get a wheel of every package that a node would have installed from an index.

    Parameters
    ----------
    lock : EnvironmentLock
        Whose pins.
    interpreter : Interpreter
        Where they are installed.
    facts : NodeFacts
        The node's platform and C library.
    folder : Path
        A cache on the laptop.

    Raises
    ------
    StartError
        When they have to be downloaded, and cannot be.
    """
    made = Wheelhouse({}, ())
    if facts.platform == lock.platform:
        made = collect_carried(_as_carried(lock, interpreter), interpreter, folder)
    rest = [pin for pin in lock.pins if pin.name not in made.wheels]
    if not rest:
        return Wheelhouse(made.wheels, ())
    target = folder / "downloaded" / f"{facts.platform}-{facts.glibc}-{lock.python}"
    loaded = download(rest, lock.python, facts, target)
    return Wheelhouse({**made.wheels, **loaded.wheels}, loaded.unmatched)


def download(pins: Iterable[Pin], python: str, facts: NodeFacts, folder: Path) -> Wheelhouse:
    """Download wheels that fit a node.

    Raises
    ------
    StartError
        When the laptop's index cannot be reached.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted, unmatched = {pin.name: pin for pin in pins}, []
    while wanted:
        lines = _pip_download([pin.requirement for pin in wanted.values()], python, facts, folder)
        if lines is None:
            break
        absent = {normalised(match.group(1)) for match in _ABSENT.finditer(lines)}
        names = wanted.keys() & absent
        if not names or _UNREACHABLE in lines:
            raise StartError(
                "the download of wheels for a host without an index",
                "pip could not get them",
                tuple(lines.splitlines()[-5:]),
                "The laptop needs an index for that, or the host does.",
                happened="failed",
            )
        for name in sorted(names):
            pin = wanted.pop(name)
            why = "there is no wheel of it for that host, which has no index"
            unmatched.append(Unmatched(name, pin.version, why))
    wheels = {name: path for name, pin in wanted.items() for path in folder.glob(_wheels_of(pin))}
    return Wheelhouse(wheels, tuple(unmatched))


def extract_uv(wheel: Path, folder: Path) -> Path:
    """Return the path of the program inside a wheel of `uv`, taken out of it."""
    import zipfile

    target = folder / wheel.stem / "uv"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel) as archive:
            name = next(name for name in archive.namelist() if name.endswith("/scripts/uv"))
            with archive.open(name) as source, target.with_suffix(".new").open("wb") as file:
                shutil.copyfileobj(source, file)
        target.with_suffix(".new").replace(target)
    return target


def platform_tags(facts: NodeFacts) -> list[str]:
    """Return the tags of wheels that fit a node, as pip knows platforms."""
    system, _, machine = facts.platform.partition("-")
    if system == "linux" and facts.glibc:
        newest = int(facts.glibc.split(".")[1])
        tags = [f"manylinux_2_{minor}_{machine}" for minor in range(newest, _OLDEST_GLIBC - 1, -1)]
        return [*tags, f"manylinux2014_{machine}", f"manylinux2010_{machine}", f"linux_{machine}"]
    if system == "linux":
        return [f"musllinux_1_{minor}_{machine}" for minor in (2, 1)]
    return [f"macosx_{major}_0_{machine}" for major in range(15, 10, -1)]


def _as_carried(lock: EnvironmentLock, interpreter: Interpreter) -> list[Carried]:
    """Return the pins of which a wheel can be made of what is installed."""
    packages = {package.name: package for package in interpreter.packages}
    found = (packages[pin.name] for pin in lock.pins if pin.name in packages)
    return [
        Carried(package.name, package.version, package.tags, package.digest)
        for package in found
        if package.tags and package.digest and package.installer != "conda"
    ]


def _pip_download(
    requirements: list[str], python: str, facts: NodeFacts, folder: Path
) -> str | None:
    """Run pip; return None if it succeeded, else what it said."""
    platforms = [part for tag in platform_tags(facts) for part in ("--platform", tag)]
    minor = python.replace(".", "")
    abis = [part for abi in (f"cp{minor}", "abi3", "none") for part in ("--abi", abi)]
    argv = [*_pip(), "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    argv += ["--only-binary", ":all:", "--dest", str(folder), "--python-version"]
    argv += [python.rstrip("t"), "--implementation", "cp", *abis, *platforms, *requirements]
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_DOWNLOAD_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return None if done.returncode == 0 else done.stderr


def _pip() -> list[str]:
    """Return the command of a pip; one made by `uv` where this Python has none."""
    import importlib.util

    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    return [laptop_uv() or "uv", "tool", "run", "pip"]


def laptop_uv() -> str:
    """Return the path of this machine's `uv`, empty if there is none."""
    import importlib.util

    if importlib.util.find_spec("uv") is not None:
        from uv import find_uv_bin

        try:
            return str(find_uv_bin())
        except FileNotFoundError:
            return ""
    return shutil.which("uv") or ""


def _wheels_of(pin: Pin) -> str:
    name = re.sub(r"[-_.]+", "_", pin.name)
    version = pin.version.replace("-", "_")
    return (
        "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in name).replace(
            "_", "[-_.]"
        )
        + f"-{version}-*.whl"
    )
