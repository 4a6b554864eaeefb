"""The checkup of this machine, for a cluster on it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_core.paths import jupyter_runtime_dir

from jupyter_scale.environment.node import machine
from jupyter_scale.providers import judging

if TYPE_CHECKING:
    from jupyter_scale.model.checkup import Check
    from jupyter_scale.model.profile import Profile

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - it is only looked at
_HERE = "this machine"


def examine(profile: Profile) -> Iterator[Check]:
    """Yield what this machine has for a cluster of a profile."""
    runtime = Path(jupyter_runtime_dir())
    facts = machine.look(runtime)
    workers = profile.pools[0].workers or facts["cores"]
    shared = shutil.disk_usage(_SHARED_MEMORY).free if _SHARED_MEMORY.is_dir() else None
    yield judging.judge_cores(_HERE, facts["cores"], workers)
    yield judging.judge_memory(_HERE, facts["memory_bytes"], workers)
    yield judging.judge_shared_memory(_HERE, shared)
    yield judging.judge_room(_HERE, facts["free_bytes"], str(runtime))
    yield judging.judge_gpus(_HERE, facts["gpus"])
