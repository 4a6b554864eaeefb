"""Where packages come from: what this machine's user, or its administrator, told pip or `uv`.

The laptop asks this of itself, the node as well. What a node's administrator has chosen goes first:
a mirror that the laptop uses need not be reachable from there.
"""

from __future__ import annotations

import configparser
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_PASSWORD = re.compile(r"(?<=://)[^/\s@]+@")
_HERE_ONLY = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Sources:
    """Addresses of package indexes. They may contain passwords, which are never shown.

    Parameters
    ----------
    index : str
        The address of the index that replaces the usual one; empty: the usual one.
    extra : tuple of str
        Addresses of further indexes.
    links : tuple of str
        Folders, or addresses of pages, with wheels.
    """

    index: str = ""
    extra: tuple[str, ...] = ()
    links: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.index or self.extra or self.links)

    def __repr__(self) -> str:
        return without_passwords(f"Sources({asdict(self)})")

    def for_others(self) -> Sources:
        """Return those that another machine may reach: no folders, nothing on this machine."""
        return Sources(
            self.index if _is_reachable(self.index) else "",
            tuple(filter(_is_reachable, self.extra)),
            tuple(filter(_is_reachable, self.links)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the sources as JSON types."""
        return {"index": self.index, "extra": list(self.extra), "links": list(self.links)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Sources:
        """Rebuild what `to_dict` returned."""
        return cls(
            data.get("index", ""), tuple(data.get("extra", ())), tuple(data.get("links", ()))
        )


def configured_sources(env: Mapping[str, str]) -> Sources:
    """Return what the variables of an environment say, else what pip's files do.

    ``uv`` reads files of its own by itself.
    """
    files = _read_files(env)

    def first(*names: str) -> str:
        return next((env[name] for name in names if env.get(name)), "")

    index = first("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
    extra = first("UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL")
    links = first("UV_FIND_LINKS", "PIP_FIND_LINKS")
    return Sources(
        index=index or files.get("index-url", ""),
        extra=_split(extra or files.get("extra-index-url", "")),
        links=_split(links or files.get("find-links", "")),
    )


def without_passwords(text: str) -> str:
    """Return a text whose addresses name no user and no password."""
    return _PASSWORD.sub("", text)


def _read_files(env: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of pip's files, the later and more special ones in force."""
    home = env.get("HOME", os.path.expanduser("~"))
    config_home = env.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    paths = [
        "/etc/pip.conf",
        os.path.join(home, ".pip", "pip.conf"),
        os.path.join(config_home, "pip", "pip.conf"),
        os.path.join(home, "Library", "Application Support", "pip", "pip.conf"),
        os.path.join(sys.prefix, "pip.conf"),
        env.get("PIP_CONFIG_FILE", ""),
    ]
    settings: dict[str, str] = {}
    for path in filter(None, paths):
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(Path(path).read_text(encoding="utf-8"))
        except (OSError, configparser.Error, UnicodeDecodeError):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                settings.update(parser.items(section))
    return settings


def _split(text: str) -> tuple[str, ...]:
    """Return the addresses in a text, without folders that do not exist: pip passes them over."""
    addresses = re.split(r"[\s,]+", text.strip()) if text.strip() else []
    return tuple(address for address in addresses if _may_exist(address))


def _may_exist(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme not in ("", "file") or os.path.isdir(unquote(parts.path))


def _is_reachable(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in ("http", "https") and parts.hostname not in _HERE_ONLY
