"""What of the ambient state an iteration of a spread loop may not change. Pure."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

#: Parts that belong to a thread or a task, and are set for each batch.
PER_TASK = ("decimal", "numpy_print", "numpy_errors", "sklearn")
#: The global random generators.
GENERATORS = ("random", "numpy_random", "torch", "torch_cuda")
# Importing a library changes these; that is no deed of the iteration's.
_UNWATCHED = frozenset({"warnings", "own_modules", "restored", "sys_path", "terminal"})
_NAMES = {
    "random": "the generator of 'random'",
    "numpy_random": "the generator of 'numpy.random'",
    "torch": "torch's generator",
    "torch_cuda": "torch's generator for GPUs",
    "environ": "os.environ",
    "cwd": "the working directory",
    "recursion_limit": "the recursion limit",
    "locale": "the locale",
    "decimal": "the context of 'decimal'",
    "matplotlib": "matplotlib's rcParams",
    "pandas": "pandas' options",
    "numpy_print": "numpy's print options",
    "numpy_errors": "numpy's error handling",
    "sklearn": "scikit-learn's configuration",
    "logging": "the level of a logger",
}


def is_per_task(place: str) -> bool:
    """Tell whether a place belongs to a thread or a task."""
    return place.startswith("ambient: numpy ")


def changed_part(before: Mapping[str, Any], now: Mapping[str, Any], *, is_in_task: bool) -> str:
    """Say which part is no longer what it was; empty when all are.

    Parameters
    ----------
    before, now
        What was read. A part that was not there came with the import of its library.
    is_in_task
        Whether `now` was read where iterations run.
    """
    for name, value in before.items():
        if name in _UNWATCHED or value is None or (name in PER_TASK and not is_in_task):
            continue
        after = now.get(name)
        if after is not value and _watched(name, after, value) != _watched(name, value, value):
            return _NAMES.get(name, name)
    return ""


def _watched(name: str, value: Any, before: Any) -> Any:
    if name == "decimal" and value is not None:
        return value[:-1]  # flags tell that a result was rounded: nearly every one is
    if name == "logging" and value is not None:
        # A library that an iteration imports sets levels of its own loggers.
        modules = sys.modules
        return {k: v for k, v in value.items() if k in before or k.partition(".")[0] not in modules}
    return value
