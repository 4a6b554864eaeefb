"""Lines of a TOML text: where a table begins, and where a key is set."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

_HEADER = re.compile(r"\s*(\[\[?)([^\]]+)\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*(?:"([^"]+)"|'([^']+)'|([\w-]+))\s*[=.]""")
_PART = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^.\s"']+))\s*(?:\.|$)""")


@dataclass(frozen=True)
class Place:
    """A table, or a key in it.

    Parameters
    ----------
    table : tuple of str
        The table's path, for instance ``("clusters", "lab", "pools")``.
    name : str
        The key, empty for the table itself.
    index : int
        Which one, in an array of tables.
    """

    table: tuple[str, ...]
    name: str = ""
    index: int = 0

    def key(self, name: str) -> Place:
        """Return the place of a key in this table."""
        return replace(self, name=name)


def find_line(text: str, place: Place) -> int:
    """Return the line, from 1, where something is; its table's, or 1, when it is not written out.

    Inline tables are not searched: the line where they begin is near enough.
    """
    best, index = 1, 0
    current: tuple[str, ...] = ()
    seen: Counter[tuple[str, ...]] = Counter()
    best_depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            current = _split(header[2])
            index = seen[current] if header[1] == "[[" else 0
            seen[current] += 1
            depth = _depth(current, place)
            if depth > best_depth and (current != place.table or index == place.index):
                best, best_depth = number, depth
            if not place.name and current == place.table and index == place.index:
                return number
            if (*place.table, place.name) == current[: len(place.table) + 1]:
                return number
        elif (key := _KEY.match(line)) and current == place.table and index == place.index:
            if next(filter(None, key.groups())) == place.name:
                return number
        elif key and (*current, next(filter(None, key.groups()))) == place.table:
            best, best_depth = number, len(place.table)
    return best


def _split(path: str) -> tuple[str, ...]:
    return tuple(next(filter(None, part.groups()), "") for part in _PART.finditer(path))


def _depth(table: tuple[str, ...], place: Place) -> int:
    """Return how much of a place a table leads to."""
    return len(table) if table == place.table[: len(table)] else 0
