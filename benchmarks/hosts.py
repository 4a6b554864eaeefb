"""Hosts to measure with: the tests' machines with a real sshd, and kernels that know them."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kernel import Kernel, started_kernel

# First, because the package notebook has the name of one of its modules.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from labserver import LabServer
from laptop import profile_text
from sshlab import PORT, SshLab

__all__ = ["PORT", "LabServer", "SshLab", "forget_all", "lab_of", "profile", "scale_kernel"]


@contextmanager
def lab_of(hosts: int) -> Iterator[SshLab]:
    """Start machines; they, and what this machine kept for them, are removed afterwards."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory, "laptop")
        home.mkdir()
        os.environ["JUPYTER_RUNTIME_DIR"] = str(home / "runtime")
        os.environ["JUPYTER_CONFIG_DIR"] = str(home / "config")
        os.environ["XDG_CACHE_HOME"] = str(home / "cache")
        lab = SshLab(directory)
        try:
            for _ in range(hosts):
                lab.add()
            yield lab
        finally:
            lab.close()


def profile(lab: SshLab, name: str, hosts: list[str], python: str) -> str:
    """Return the section of a cluster with one worker a host."""
    return profile_text(lab, hosts, python=python, name=name)


def forget_all(lab: SshLab) -> None:
    """Empty the caches of all machines."""
    for machine in lab.machines.values():
        shutil.rmtree(machine.home / ".cache", ignore_errors=True)


@contextmanager
def scale_kernel(profiles: str) -> Iterator[Kernel]:
    """Start a kernel beside a scale.toml, with the extension loaded."""
    with tempfile.TemporaryDirectory() as folder, started_kernel() as kernel:
        Path(folder, "scale.toml").write_text(profiles, encoding="utf-8")
        kernel.run(f"%cd -q {folder}\n%load_ext jupyter_scale")
        kernel.start_watch()
        yield kernel
