"""Asks an interpreter, this process's or another one's, and gathers what nodes get of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from jupyter_scale.environment import installed
from jupyter_scale.environment.installed import Interpreter
from jupyter_scale.environment.lock import make_lock
from jupyter_scale.environment.node.sources import configured_sources
from jupyter_scale.environment.prepare import OF_A_NODE, Needs, Preparation
from jupyter_scale.errors import StartError

_LOOK_TIMEOUT_S = 60.0


def interpreter_of(python: str | None = None) -> Interpreter:
    """Return what an interpreter has installed; about 0.5 s for 170 packages.

    Parameters
    ----------
    python : str, optional
        Its path: that of the notebook's kernel, where this is another process. This one if None.

    Raises
    ------
    StartError
        When it does not run.
    """
    if python is None or Path(python) == Path(sys.executable):
        return installed.look_at_interpreter()
    try:
        done = subprocess.run(
            [python, str(installed.__file__)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LOOK_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        lines = tuple((getattr(error, "stderr", "") or "").splitlines()[-5:])
        raise StartError(
            f"the look at the packages of {python}", str(error), lines, happened="failed"
        ) from error
    return Interpreter.from_json(done.stdout)


def preparation_of(
    python: str | None = None,
    *,
    needs: Needs = OF_A_NODE,
    cache: str = "",
    downloads: bool = True,
) -> Preparation:
    """Return what `jupyter_scale.environment.prepare.prepare` gives to hosts.

    Parameters
    ----------
    python : str, optional
        As for `interpreter_of`.
    needs, cache, downloads
        As in `Preparation`.

    Raises
    ------
    StartError
        When the interpreter does not run.
    """
    interpreter = interpreter_of(python)
    return Preparation(
        lock=make_lock(interpreter),
        interpreter=interpreter,
        folder=_cache_of_this_user(),
        needs=needs,
        sources=configured_sources(os.environ),
        cache=cache,
        downloads=downloads,
    )


def _cache_of_this_user() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "jupyter-scale" / "wheelhouse"
