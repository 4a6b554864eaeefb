"""The `uv` of a node: the host's own, one that the laptop has brought, or one from an index."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from jupyter_scale.environment.node import commands
from jupyter_scale.environment.node.report import Refused, Report

#: Older ones do not know all options that are used here.
OLDEST = (0, 8)
_PROBE_TIMEOUT_S = 10.0
_ELSEWHERE = ("~/.local/bin/uv", "~/.cargo/bin/uv", "/opt/homebrew/bin/uv")


def find_uv(root: Path, sent: str = "") -> str:
    """Return the path of a `uv` that is recent enough; empty when there is none.

    Parameters
    ----------
    root : Path
        The cache of jupyter-scale.
    sent : str
        Where the laptop has put one, if it has.
    """
    tools = sorted((root / "tools").glob("uv-*/bin/uv"), reverse=True)
    candidates = [sent, shutil.which("uv") or ""]
    candidates += [os.path.expanduser(path) for path in _ELSEWHERE]
    candidates += [str(path) for path in tools]
    for path in candidates:
        if path and os.access(path, os.X_OK) and version_of(path) >= OLDEST:
            return path
    return ""


def version_of(uv: str) -> tuple[int, ...]:
    """Return the version of a `uv`, empty if it does not run here."""
    try:
        answer = subprocess.run(
            [uv, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PROBE_TIMEOUT_S,
            check=True,
        ).stdout.decode(errors="replace")
    except (OSError, subprocess.SubprocessError):
        return ()
    match = re.match(r"uv (\d+)\.(\d+)\.(\d+)", answer)
    return tuple(int(number) for number in match.groups()) if match else ()


def obtain_uv(root: Path, request: dict[str, Any], report: Report) -> str:
    """Return the path of a `uv`, installed into the cache by pip if there is none.

    Raises
    ------
    Refused
        When there is none, and pip cannot install one.
    """
    found = find_uv(root, request.get("uv", ""))
    if found:
        return found
    report.step("uv", "installing uv")
    draft = root / "tools" / f"draft-{os.getpid()}"
    argv = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    argv += ["--no-deps", "--only-binary", ":all:", "--upgrade", "--target", str(draft), "uv"]
    status, lines = commands.run(argv, report, env=_environment_for_pip(request))
    if status == 0 and version_of(str(draft / "bin" / "uv")) >= OLDEST:
        with contextlib.suppress(OSError):  # another start was quicker
            draft.rename(root / "tools" / "uv-of-pip")
    shutil.rmtree(str(draft), ignore_errors=True)
    found = find_uv(root)
    if not found:
        raise Refused(
            "uv",
            f"This host has no uv from {OLDEST[0]}.{OLDEST[1]} on, and pip could not install it.",
            "Install uv there, so that it is on the PATH or in ~/.local/bin.",
            tuple(lines[-5:]),
        )
    return found


def environment_for_uv(root: Path, request: dict[str, Any]) -> dict[str, str]:
    """Return the variables under which `uv` runs.

    Addresses of indexes go this way and not into its arguments: they may contain a password, and
    everybody on a machine can read arguments.

    Parameters
    ----------
    request : dict
        ``sources``: as in `jupyter_scale.environment.sources.Sources`.
    """
    sources = request.get("sources", {})
    env = {
        "UV_CACHE_DIR": str(root / "uv"),
        "UV_PYTHON_INSTALL_DIR": str(root / "pythons"),
        "UV_SYSTEM_CERTS": "1",
        "UV_NATIVE_TLS": "1",  # the name that older versions know
        "UV_NO_PROGRESS": "1",
        "UV_NO_COLOR": "1",
        "NO_COLOR": "1",
        "UV_LINK_MODE": "hardlink",
        "UV_HTTP_RETRIES": os.environ.get("UV_HTTP_RETRIES", "2"),
        "UV_COMPILE_BYTECODE": "0",
        "VIRTUAL_ENV": "",
        "CONDA_PREFIX": "",
    }
    if sources.get("index"):
        env["UV_DEFAULT_INDEX"] = sources["index"]
    if sources.get("extra"):
        env["UV_INDEX"] = " ".join(sources["extra"])
        env["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip has it: all indexes are equal
    if sources.get("links"):
        env["UV_FIND_LINKS"] = ",".join(sources["links"])
    return env


def _environment_for_pip(request: dict[str, Any]) -> dict[str, str]:
    sources = request.get("sources", {})
    env = {}
    if sources.get("index"):
        env["PIP_INDEX_URL"] = sources["index"]
    if sources.get("extra"):
        env["PIP_EXTRA_INDEX_URL"] = " ".join(sources["extra"])
    if sources.get("links"):
        env["PIP_FIND_LINKS"] = " ".join(sources["links"])
    return env
