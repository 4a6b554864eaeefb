"""The Pythons of a node: on the PATH, of pyenv, of conda, of `uv`."""

from __future__ import annotations

import glob
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from jupyter_scale.environment.node.report import Refused

_PROBE = (
    "import sys, sysconfig; t = 't' if sysconfig.get_config_var('Py_GIL_DISABLED') else '';"
    " print('%s %d.%d%s %d' % ((sys.implementation.name, *sys.version_info[:2], t,"
    " sys.version_info[2])))"
)
_PROBE_TIMEOUT_S = 10.0
_ON_PATH = re.compile(r"python3(\.\d+t?)?$")
_ELSEWHERE = (
    "~/.local/share/uv/python/*/bin/python3",
    "~/miniconda3/bin/python3",
    "~/anaconda3/bin/python3",
    "~/miniforge3/bin/python3",
    "~/mambaforge/bin/python3",
    "~/micromamba/bin/python3",
    "~/*conda3/envs/*/bin/python3",
    "~/*forge3/envs/*/bin/python3",
    "/opt/*conda*/bin/python3",
    "/opt/*/bin/python3",
    "/opt/python/*/bin/python3",
    "/usr/local/bin/python3.*",
    "/opt/homebrew/bin/python3.*",
)
_HINTED = re.compile(r"(?:python-?|cpython-|/)(3\.\d+)")


def find_pythons(root: Path) -> dict[str, str]:
    """Return ``minor version → path`` of all that run; the first found of each version."""
    found: dict[str, str] = {}
    for path in _candidates(root):
        version = version_of(path)
        if version:
            found.setdefault(version, path)
    return found


def find_python(minor: str, root: Path, micro: int = 0) -> str | None:
    """Return the path of a Python of that minor version.

    The first that is no older than `micro`, else the newest: packages may refuse the first releases
    of a minor version. Those whose path tells another version are not asked for theirs.
    """
    best, newest = None, -1
    for path in _candidates(root):
        hints = _HINTED.findall(os.path.realpath(path))
        if hints and hints[-1] != minor.rstrip("t"):
            continue
        version, has_micro = _ask(path)
        if version == minor and has_micro > newest:
            best, newest = path, has_micro
            if newest >= micro:
                break
    return best


def version_of(python: str) -> str:
    """Return the minor version of a CPython, ``t`` for free-threaded; empty if it does not run."""
    return _ask(python)[0]


def _ask(python: str) -> tuple[str, int]:
    """Return minor and micro version."""
    try:
        answer = subprocess.run(
            [python, "-I", "-S", "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PROBE_TIMEOUT_S,
            check=True,
        ).stdout.decode(errors="replace")
    except (OSError, subprocess.SubprocessError):
        return "", 0
    match = re.fullmatch(r"cpython (\S+) (\d+)\s*", answer)
    return (match.group(1), int(match.group(2))) if match else ("", 0)


def missing_python(wanted: str, found: dict[str, str], why: str) -> Refused:
    """Return the refusal that names the version that is wanted, and those that are there."""
    there = ", ".join(sorted(found, key=_as_numbers)) or "none"
    return Refused(
        "python",
        f"The notebook runs Python {wanted}, and this host has none of that version"
        f" (it has: {there}). {why}",
        f"Install Python {wanted} there, with the host's package manager, pyenv, conda or"
        f" `uv python install {wanted}`; or start the notebook with a version that the host has.",
    )


def _candidates(root: Path) -> Iterator[str]:
    """Yield paths of interpreters, each file once, the most likely first."""
    seen = set()
    for path in _paths(root):
        # A stand-in of a version manager is one file for all versions, so its own name counts.
        key = path if "shims" in path else os.path.realpath(path)
        if key not in seen and os.access(path, os.X_OK):
            seen.add(key)
            yield path


def _paths(root: Path) -> Iterator[str]:
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        if os.path.dirname(folder) == pyenv:
            continue  # slow stand-ins for the versions that are looked at below
        try:
            names = sorted(os.listdir(folder or "."))
        except OSError:
            continue
        yield from (os.path.join(folder, name) for name in names if _ON_PATH.match(name))
    if sys.executable:
        yield sys.executable
    patterns = (
        os.path.join(pyenv, "versions", "*", "bin", "python3"),
        *_ELSEWHERE,
        str(root / "pythons" / "*" / "bin" / "python3"),
    )
    for pattern in patterns:
        yield from sorted(glob.glob(os.path.expanduser(pattern)))


def _as_numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
