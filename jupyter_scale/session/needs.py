"""What a cell and the functions that it calls import, and which files they name. Pure."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import PurePath
from typing import Any

from jupyter_scale.analysis.dynamic import imported_packages
from jupyter_scale.analysis.magics import parse_python
from jupyter_scale.analysis.paths import NamedPath, find_named_paths

_LONGEST = 400


@dataclass(frozen=True)
class FileNeeds:
    """What has to be importable and readable where a cell runs.

    Attributes
    ----------
    imports
        Top-level packages.
    named
        Paths relative to the notebook's folder.
    """

    imports: frozenset[str]
    named: frozenset[NamedPath]


def find_needs(sources: Iterable[str], namespace: Mapping[str, Any], inside: str) -> FileNeeds:
    """Return what some sources need.

    Parameters
    ----------
    sources
        The cell, and the cells that define the functions which it calls: pure Python.
    namespace
        What these read of the notebook.
    inside
        The working directory relative to the notebook's folder.
    """
    texts = tuple(sorted(
        (name, str(value))
        for name, value in namespace.items()
        if isinstance(value, str | PurePath) and len(str(value)) <= _LONGEST
    ))  # fmt: skip
    found = [_needs_of(source, texts) for source in sources]
    named = frozenset[NamedPath]().union(*(needs.named for needs in found))
    if inside not in {"", "."}:
        named = frozenset(replace(n, path=posixpath.join(inside, n.path)) for n in named)
    return FileNeeds(frozenset[str]().union(*(needs.imports for needs in found)), named)


@lru_cache(maxsize=256)
def _needs_of(source: str, texts: tuple[tuple[str, str], ...]) -> FileNeeds:
    try:
        tree = parse_python(source)
    except (SyntaxError, ValueError):
        return FileNeeds(frozenset(), frozenset())
    imports = frozenset(name for node in ast.walk(tree) for name in imported_packages(node))
    return FileNeeds(imports, frozenset(find_named_paths(tree, dict(texts))))
