"""What a node is: platform, cores, memory, room on its disk, GPUs, clock."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_TOOL_TIMEOUT_S = 10.0


def platform_name() -> str:
    """Return what compiled code has to fit, for instance ``"linux-x86_64"``."""
    return f"{sys.platform}-{platform.machine().lower()}"


def cache_root(request: dict[str, Any]) -> Path:
    """Return the directory of all that jupyter-scale leaves on this node; it need not exist."""
    chosen = request.get("cache")
    if chosen:
        return Path(os.path.expanduser(chosen)).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "jupyter-scale"


def look(root: Path) -> dict[str, Any]:
    """Return the part of `NodeFacts` that is not about environments; ``now``: what time it is."""
    return {
        "host": socket.gethostname(),
        "platform": platform_name(),
        "glibc": platform.libc_ver()[1] if platform.libc_ver()[0] == "glibc" else "",
        "cores": _cores(),
        "memory_bytes": _memory_bytes(),
        "free_bytes": free_bytes(root),
        "gpus": _gpus(),
        "now": time.time(),
    }


def free_bytes(path: Path) -> int:
    """Return the room that this user has in a directory, or where it would be made."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(str(path)).free


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


def _gpus() -> list[str]:
    """Return the GPUs' names; a driver that does not answer has none that could be used."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        names = subprocess.run(
            [program, "--query-gpu=name", "--format=csv,noheader"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_TOOL_TIMEOUT_S,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in names.decode(errors="replace").splitlines() if line.strip()]
