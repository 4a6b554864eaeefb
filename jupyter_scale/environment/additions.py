"""Packages that are added in mid-session, for processes that run in the environment before it.

The new environment has all that the old one has. A file of the node names it; a process looks
there for what it does not find in its own, whenever it does not. What it has imported stays as it
is, as in the notebook's kernel after an installation. ``sys.path`` stays as it is, too: it is the
notebook's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import Distribution, DistributionFinder, MetadataPathFinder
from pathlib import Path
from types import ModuleType


def additions_path(directory: str) -> str:
    """Return the file of a node's directory that names environments, a line each, the last newest.

    Each line is the directory of an environment's packages.
    """
    return f"{directory}/packages"


def look_there(directory: Path) -> None:
    """Let this process find what is added to its node.

    Parameters
    ----------
    directory : Path
        The node's own.
    """
    sys.meta_path.append(AddedPackages(Path(additions_path(str(directory)))))


class AddedPackages(DistributionFinder):
    """Finds modules, and what ``importlib.metadata`` tells, in environments that came later.

    Parameters
    ----------
    record : Path
        See `additions_path`; it need not be there.
    """

    def __init__(self, record: Path) -> None:
        self._record = record

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return where a module is that is no part of a package."""
        directories = self._directories() if path is None else []
        return PathFinder.find_spec(fullname, directories, target) if directories else None

    def find_distributions(
        self, context: DistributionFinder.Context | None = None
    ) -> Iterable[Distribution]:
        """Return the distribution of a name; of all, those are told that are first on the path."""
        if context is None or context.name is None or not (directories := self._directories()):
            return []
        there = DistributionFinder.Context(name=context.name, path=directories)
        return MetadataPathFinder.find_distributions(there)

    def _directories(self) -> list[str]:
        """Return the directories of packages, the newest first."""
        try:
            lines = self._record.read_text().splitlines()
        except OSError:
            return []
        return list(dict.fromkeys(reversed(lines)))
