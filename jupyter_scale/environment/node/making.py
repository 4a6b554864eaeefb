"""An environment from nothing to complete, whoever else wants it, and whatever fails."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from jupyter_scale.environment.node import commands, complaints, environments, machine
from jupyter_scale.environment.node.installing import Installer, Plan, packages_of
from jupyter_scale.environment.node.pythons import find_python, find_pythons, missing_python
from jupyter_scale.environment.node.report import Refused, Report, refusal_of
from jupyter_scale.environment.node.sources import Sources, configured_sources
from jupyter_scale.environment.node.uv import environment_for_uv, obtain_uv

_VERIFY_TIMEOUT_S = 180.0
_GPU_SIGNS = ("/dev/nvidiactl", "/proc/driver/nvidia/version", "/dev/kfd")


def find(request: dict[str, Any]) -> dict[str, Any] | None:
    """Return what `make` returns if the environment is complete; it takes no time."""
    facts = environments.read_complete(_directory(machine.cache_root(request), request))
    return facts and {"event": "ready", **facts, "was_complete": True, "seconds": 0.0}


def make(request: dict[str, Any], _data: BinaryIO, report: Report) -> dict[str, Any]:
    """Return the fields of `NodeEnvironment`, once the environment is complete.

    Parameters
    ----------
    request : dict
        Of the lock: ``hash``, ``python``, ``micro``, ``platform``, ``pins``, ``size_bytes``;
        ``without_gpu``: some of them were built for no GPU.
        ``carried``: dictionaries of ``name``, ``version`` and the ``path`` of a wheel on this host.
        ``left_out``: fields of `Unmatched`, what the laptop knows that this host cannot have.
        ``essential``: names of packages; ``verify``: modules that have to be importable.
        ``sources``: see `Sources`, for a host without settings of its own; ``offline``: a folder of
        wheels to use instead. ``downloads``: whether Python itself may be downloaded. ``uv``:
        where the laptop has put one.

    Raises
    ------
    Refused
        When it cannot be made. Nothing is left of it.
    """
    started = time.monotonic()
    root = machine.cache_root(request)
    directory = _directory(root, request)
    facts = environments.read_complete(directory)
    was_complete = facts is not None
    if facts is None:
        try:
            with environments.locked(directory, report) as lock:
                facts = environments.read_complete(directory)
                if facts is None:
                    facts = _make(root, directory, request, report, lock)
        except OSError as error:
            raise refusal_of(error, str(root)) from error
    seconds = round(time.monotonic() - started, 3)
    return {"event": "ready", **facts, "was_complete": was_complete, "seconds": seconds}


def _make(
    root: Path, directory: Path, request: dict[str, Any], report: Report, lock: int
) -> dict[str, Any]:
    """Make an environment while nobody else does; leave none that is not complete."""
    environments.remove(directory)
    if not (root / "uv").is_dir():  # else most of it may be there, and nothing can be foretold
        _check_room(root, request)
    try:
        request = {**request, "sources": _sources(request)}
        uv = obtain_uv(root, request, report)
        env = environment_for_uv(root, request)
        _make_venv(uv, env, root, directory, request, report, lock)
        has_gpu = any(map(os.path.exists, _GPU_SIGNS))
        is_elsewhere = request["platform"] != machine.platform_name()
        plan = Plan.make(
            packages_of(request),
            is_elsewhere=is_elsewhere,
            has_gpu=has_gpu,
            is_offline=bool(request.get("offline")),
        )
        installer = Installer(
            uv,
            directory,
            env,
            offline=request.get("offline", ""),
            essential=set(request.get("essential", ())),
            explain=lambda lines: _explain("The installation of packages", lines, root, request),
        )
        installer.install(plan, report, lock)
        lines = sorted(package.line for package in plan.packages.values())
        modules = [] if environments.is_tried(root, lines) else request.get("verify", ())
        facts = {
            "python": environments.python_of(directory),
            "site_packages": _verify(directory, modules, report),
            "unmatched": [*request.get("left_out", ()), *plan.unmatched],
            "lines": lines,
        }
        environments.mark_complete(directory, facts)
    except BaseException:
        environments.remove(directory)
        raise
    return facts


def _directory(root: Path, request: dict[str, Any]) -> Path:
    """Return where the environment goes.

    Nodes with and without GPUs may share a home directory, and get other builds of some packages.
    """
    is_other = request.get("without_gpu", False) and any(map(os.path.exists, _GPU_SIGNS))
    variant = "gpu" if is_other else ""
    return environments.directory_of(root, request["hash"] + variant)


def _sources(request: dict[str, Any]) -> dict[str, Any]:
    """Return this host's own sources of packages, else those that the laptop has."""
    own = configured_sources(os.environ)
    return own.to_dict() if own else Sources.from_dict(request.get("sources", {})).to_dict()


def _check_room(root: Path, request: dict[str, Any]) -> None:
    free, needed = machine.free_bytes(root), int(request.get("size_bytes", 0))
    if free < needed:
        raise complaints.disk_full(str(root), free, needed)


def _make_venv(
    uv: str,
    env: dict[str, str],
    root: Path,
    directory: Path,
    request: dict[str, Any],
    report: Report,
    lock: int,
) -> None:
    minor = request["python"]
    report.step("python", "looking for Python " + minor)
    python = find_python(minor, root, int(request.get("micro", 0)))
    if python is None:
        python = _install_python(uv, env, root, request, report)
    argv = [uv, "venv", "--quiet", "--no-project", "--python", python, str(directory)]
    status, lines = commands.run(argv, report, env=env, inherited=(lock,))
    if status != 0:
        raise _explain("Making the virtual environment", lines, root, request)


def _install_python(
    uv: str, env: dict[str, str], root: Path, request: dict[str, Any], report: Report
) -> str:
    minor, why = request["python"], "Downloading one is switched off."
    if request.get("downloads", True):
        report.step("python", "downloading Python " + minor)
        status, lines = commands.run([uv, "python", "install", "--no-bin", minor], report, env=env)
        python = find_python(minor, root) if status == 0 else None
        if python is not None:
            return python
        last = complaints.last_lines(lines) or ("it said nothing",)
        why = f"Downloading one failed: {last[-1]}."
    raise missing_python(minor, find_pythons(root), why)


def _verify(directory: Path, modules: Sequence[str], report: Report) -> str:
    """Import modules; return the directory of the packages."""
    report.step("verify", "trying the environment")
    source = "import {}; print(sysconfig.get_path('purelib'))".format(
        ", ".join(["sysconfig", *modules])
    )
    try:
        with report.keeping_alive():
            done = subprocess.run(
                [environments.python_of(directory), "-I", "-c", source],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_VERIFY_TIMEOUT_S,
                check=False,
            )
    except subprocess.TimeoutExpired as error:
        raise Refused(
            "verify", f"Importing the packages took more than {_VERIFY_TIMEOUT_S:.0f} s."
        ) from error
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").splitlines()
        raise Refused(
            "verify",
            "The packages are installed, but cannot be imported on this host.",
            "Often a library of the operating system is missing or too old; the last line says.",
            complaints.last_lines(lines),
        )
    return done.stdout.decode(errors="replace").strip().splitlines()[-1]


def _explain(what: str, lines: list[str], root: Path, request: dict[str, Any]) -> Refused:
    free, needed = machine.free_bytes(root), int(request.get("size_bytes", 0))
    return complaints.refusal(what, lines, free, needed, str(root))
