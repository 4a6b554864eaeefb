"""Keeps the engine's own use of ``random`` away from the user's.

distributed and tornado draw from the global generator in their threads. In a process whose global
generator belongs to a notebook that would change the notebook's numbers.
"""

from __future__ import annotations

import importlib.util
import random
import sys
from types import ModuleType

_ENGINE = ("distributed", "dask", "tornado")
_private: ModuleType | None = None


def isolate() -> None:
    """Give the engine's modules that are loaded by now a generator of their own."""
    global _private  # noqa: PLW0603 - one per process
    if _private is None:
        spec = importlib.util.find_spec("random")
        assert spec is not None  # noqa: S101 - the standard library has it
        assert spec.loader is not None  # noqa: S101
        _private = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(_private)
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _ENGINE and getattr(module, "random", None) is random:
            module.random = _private  # type: ignore[attr-defined]
