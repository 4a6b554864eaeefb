"""A package that is added in mid-session, for processes that run in the environment before it.

The new environment has all that the old one has. A process that looks there from now on finds the
addition; what it has imported stays as it is, as in the notebook's kernel after an installation.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable


def switched(path: Iterable[str], before: str, after: str) -> list[str]:
    """Return a module path with one environment's packages in the place of another's."""
    kept = [after if entry == before else entry for entry in path]
    return list(dict.fromkeys(kept if after in kept else [*kept, after]))


def look_elsewhere(before: str, after: str) -> None:
    """Let this process find the packages of another environment from now on.

    Parameters
    ----------
    before, after : str
        The `site_packages` of the two, see `NodeEnvironment`.
    """
    sys.path[:] = switched(sys.path, before, after)
    importlib.invalidate_caches()
