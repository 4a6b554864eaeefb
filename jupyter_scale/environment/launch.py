"""What is run on a host that has nothing of jupyter-scale: one command, and what it reads.

The command finds a Python, of whatever version from 3.8 on, that reads the modules of
`jupyter_scale.environment.node` from its standard input. Nothing has to be uploaded before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jupyter_scale.environment import node

_PACKAGE = "jupyter_scale.environment.node"
_OLDEST = "(3, 8)"
_READ = 'import json,sys;start=json.loads(sys.stdin.buffer.readline());exec(start["loader"])'
_IS_RECENT = f"import sys;sys.exit(sys.version_info<{_OLDEST})"
_MISSING = json.dumps(
    {
        "error": "This host has no Python 3.8 or newer.",
        "code": "no-python",
        "next_step": "Install python3 there, or put the directory of one on the PATH of the shell"
        " that SSH starts.",
        "last_lines": [],
    }
)
_FIND = (
    'for python in python3 "$HOME"/.pyenv/versions/*/bin/python3 /usr/bin/python3'
    ' /usr/local/bin/python3 "$HOME"/*conda*/bin/python3 "$HOME"/*forge*/bin/python3'
    " /opt/*conda*/bin/python3 python3.14 python3.13 python3.12 python3.11 python3.10 python3.9"
    ' python3.8 "$HOME"/.local/share/uv/python/*/bin/python3; do'
    ' if "$python" -I -S -c "$1" </dev/null >/dev/null 2>&1; then exec "$python" -I -c "$2"; fi;'
    ' done; echo "$3"; exit 1'
)


def command() -> list[str]:
    """Return the program and its arguments; it needs a POSIX ``sh``."""
    return ["sh", "-c", _FIND, "jupyter-scale", _IS_RECENT, _READ, _MISSING]


def standard_input(request: Mapping[str, Any]) -> bytes:
    """Return what the command reads before anything else that belongs to the request."""
    start = {
        "loader": _sources()[f"{_PACKAGE}.loader"],
        "sources": _sources(),
        "main": f"{_PACKAGE}.main",
        "request": dict(request),
    }
    return json.dumps(start).encode() + b"\n"


@cache
def _sources() -> dict[str, str]:
    """Return ``module → text`` of all that runs there."""
    folder = Path(node.__file__).parent
    parents = ["jupyter_scale", "jupyter_scale.environment", _PACKAGE]
    modules = {f"{_PACKAGE}.{path.stem}": path for path in folder.glob("[a-z]*.py")}
    return dict.fromkeys(parents, "") | {
        name: path.read_text(encoding="utf-8") for name, path in sorted(modules.items())
    }
