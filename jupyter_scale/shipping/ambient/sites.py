"""Where the processes of two machines have a notebook's folders.

Between machines a path travels in a form that means the same on each: ``mirror:KEY/LABEL/rest``.
``KEY`` is the notebook's mirror, ``LABEL`` one of the folders in it, and each process knows which
directory of its own machine stands for the beginning of such a path. Two nodes may have them in
different places.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MIRROR = "mirror:"
_IN_TEXT = re.compile(r"~?mirror:[\w.-]+(?:/[\w.-]+)?")


@dataclass(frozen=True)
class Site:
    """The folders of one process's machine. Nothing is asked of the file system.

    Parameters
    ----------
    folder
        The notebook's folder, in the travelling form.
    places
        ``beginning of travelling paths → directories here``; the first of them is the one to use,
        others are further names of it: what a link leads to.
    home
        What is written ``~``.
    """

    folder: str
    places: Mapping[str, tuple[str, ...]]
    home: str = ""

    def outward(self, path: str) -> str | None:
        """Return the travelling form of a path here, None if it is in none of the folders."""
        for directory, beginning in self._by_length():
            if path == directory:
                return beginning.rstrip("/")
            if path.startswith(directory + os.sep):
                return _joined(beginning, path[len(directory) + 1 :])
        return None

    def inward(self, path: str) -> str | None:
        """Return where a travelling path is here, None if it is nowhere."""
        for beginning, directories in self.places.items():
            if path == beginning:
                return directories[0]
            if path.startswith(_joined(beginning, "")):
                return os.path.join(directories[0], path[len(_joined(beginning, "")) :])  # noqa: PTH118 - text
        return None

    def outward_text(self, text: str) -> str:
        """Return a text in which paths here are replaced by their travelling forms.

        A path that begins with ``~``, as IPython shows files, keeps the sign.
        """
        for directory, beginning in self._by_length():
            shown = _with_tilde(directory, self.home)
            if shown != directory:
                text = text.replace(shown + os.sep, "~" + _joined(beginning, ""))
            text = text.replace(directory + os.sep, _joined(beginning, ""))
        return text

    def inward_text(self, text: str) -> str:
        """Return a text with paths of here in the place of travelling ones; see `outward_text`."""

        def here(match: re.Match[str]) -> str:
            path = self.inward(match[0].removeprefix("~"))
            if path is None:
                return match[0]
            return _with_tilde(path, self.home) if match[0].startswith("~") else path

        return _IN_TEXT.sub(here, text)

    def _by_length(self) -> list[tuple[str, str]]:
        """Return ``directory, beginning``, folders inside of others first."""
        pairs = [(d, b) for b, directories in self.places.items() for d in directories]
        return sorted(pairs, key=lambda pair: -len(pair[0]))


def notebook_site(key: str, folder: str, label: str, folders: Mapping[str, str]) -> Site:
    """Return the site of the notebook's kernel.

    Parameters
    ----------
    key
        The notebook's mirror.
    folder, label
        The notebook's folder, and what it is called in the mirror.
    folders
        ``label → folder`` of all that is in the mirror.
    """
    named = {label: folder, **{label: folder for label, folder in folders.items() if folder}}
    places = {f"{MIRROR}{key}/{label}": _names(folder) for label, folder in named.items()}
    return Site(f"{MIRROR}{key}/{label}", places, _home())


def node_site(folder: str, root: str) -> Site:
    """Return the site of a process on a node.

    Parameters
    ----------
    folder
        The notebook's folder, in the travelling form.
    root
        The directory of all mirrors there.
    """
    return Site(folder, {MIRROR: _names(root)}, _home())


class Crossing:
    """The part that says whether the other side is on another machine; None: it is not.

    Parameters
    ----------
    root
        On a node: the directory of all mirrors.

    Attributes
    ----------
    site
        Of this process, as long as paths have to be translated.
    """

    name = "abroad"
    library = ""
    has_defaults = False

    def __init__(self, root: str = "") -> None:
        self._root = root
        self.site: Site | None = None

    @property
    def is_node(self) -> bool:
        """Tell whether this process is on a node."""
        return bool(self._root)

    def read(self) -> str | None:
        """Return the notebook's folder, in the travelling form."""
        return None if self.site is None else self.site.folder

    def apply(self, change: str) -> None:
        """Translate paths from now on, if this is a node."""
        if self._root:
            self.site = node_site(change, self._root)


def _joined(beginning: str, rest: str) -> str:
    return f"{beginning}{rest}" if beginning == MIRROR else f"{beginning}/{rest}"


def _names(directory: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((directory, os.path.realpath(directory))))


def _home() -> str:
    return os.path.expanduser("~")  # noqa: PTH111 - it need not exist


def _with_tilde(path: str, home: str) -> str:
    is_below = bool(home) and (path == home or path.startswith(home + os.sep))
    return "~" + path[len(home) :] if is_below else path


def is_travelling(path: Any) -> bool:
    """Tell whether a path is in the travelling form."""
    return isinstance(path, str) and path.startswith(MIRROR)
