"""The lock of this process's environment, or of another interpreter's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from jupyter_scale.environment import installed
from jupyter_scale.environment.installed import Interpreter
from jupyter_scale.environment.lock import make_lock
from jupyter_scale.errors import StartError
from jupyter_scale.model.environment import EnvironmentLock

_LOOK_TIMEOUT_S = 60.0


def lock_environment(python: str | None = None) -> EnvironmentLock:
    """Return the lock of this process's environment, or of another interpreter's.

    Raises
    ------
    StartError
        When the other interpreter does not run.
    """
    if python is None or Path(python) == Path(sys.executable):
        return make_lock(installed.look_at_interpreter())
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
    return make_lock(Interpreter.from_json(done.stdout))
