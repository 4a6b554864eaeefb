"""The hosts that an ssh_config names, for a form to choose from."""

from __future__ import annotations

import glob
import shlex
from collections.abc import Iterator
from pathlib import Path

_DEEPEST = 16
_PATTERN = frozenset("*?!")


def read_aliases(ssh_config: Path | None = None) -> tuple[str, ...]:
    """Return the names of ``Host`` lines, patterns left out, each once, in the order of the file.

    Parameters
    ----------
    ssh_config : Path, optional
        The user's own when None, with what it includes. A file that cannot be read has none.
    """
    path = Path.home() / ".ssh" / "config" if ssh_config is None else ssh_config
    return tuple(dict.fromkeys(_aliases(path, 0)))


def _aliases(path: Path, depth: int) -> Iterator[str]:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        option, *values = _words(line) or [""]
        if option.lower() == "host":
            yield from (name for name in values if not _PATTERN & set(name))
        elif option.lower() == "include" and depth < _DEEPEST:
            for value in values:
                for included in _included(value):
                    yield from _aliases(included, depth + 1)


def _words(line: str) -> list[str]:
    """Return a line's option and values: ``Host a b``, ``Host=a``, ``Host "a" # note``."""
    option, _, rest = line.strip().partition(" ")
    if "=" in option or rest.lstrip().startswith("="):
        line = line.replace("=", " ", 1)
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return []


def _included(value: str) -> list[Path]:
    path = Path(value).expanduser()
    absolute = path if path.is_absolute() else Path.home() / ".ssh" / path
    return [Path(found) for found in sorted(glob.glob(str(absolute)))]  # noqa: PTH207 - absolute
