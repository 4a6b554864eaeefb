"""What it means when `uv` fails: which package is to blame, or what else."""

from __future__ import annotations

import re

from jupyter_scale.environment.node.report import Refused
from jupyter_scale.environment.node.sources import without_passwords

_NAME = r"([A-Za-z0-9][A-Za-z0-9._-]*)"
#: The reason with which another version of the package may do.
TOO_OLD = "it needs a newer Python than the one of this host"
_REASONS = (
    (re.compile(r"there (?:is|are) no versions? of " + _NAME), "no index has that version"),
    (re.compile(_NAME + r" was not found in the (?:package registry|provided)"), "no index has it"),
    (
        re.compile(_NAME + r"(?:==\S+)? has no wheels with a matching (Python|platform|\w+)[^(]*"),
        "it has no wheel for this host's platform and Python",
    ),
    (
        re.compile(_NAME + r"(?:==\S+)? has no (?:usable|compatible|binary|pre-built) \w+"),
        "it has no wheel for this host, and must not be built from source",
    ),
    (
        re.compile(r"Failed to (?:download and )?build `" + _NAME),
        "it has no wheel for this host, and building it there failed",
    ),
    (re.compile(_NAME + r"==\S+ depends on Python"), TOO_OLD),
    (
        re.compile(r"Failed to download `" + _NAME + " @"),
        "its address cannot be reached from there",
    ),
    (re.compile(r"Failed to read metadata[^`]*`" + _NAME), "what the index has cannot be read"),
    (
        re.compile(r"[Ww]heel for `?" + _NAME + r".* (?:is not|isn't) compatible"),
        "its wheel does not fit this host's platform",
    ),
)
_DISK = re.compile(r"\(os error (?:28|122)\)")
_FORBIDDEN = re.compile(r"\(os error (?:13|1|30)\)")
_UNREACHABLE = re.compile(
    r"error sending request|dns error|tcp connect error|operation timed out|"
    r"Failed to fetch|Request failed after|network connectivity is disabled|Could not connect|"
    r"Failed to download",
    re.IGNORECASE,
)
_SHOWN = 8


def packages_to_blame(lines: list[str]) -> dict[str, str]:
    """Return ``normalised name → why`` of packages that cannot be had here."""
    text = "\n".join(lines)
    found: dict[str, str] = {}
    if _DISK.search(text):
        return found
    for pattern, why in _REASONS:
        for match in pattern.finditer(text):
            name = re.sub(r"[-_.]+", "-", match.group(1)).lower()
            found.setdefault(name, why)
    return found


def refusal(what: str, lines: list[str], free_bytes: int, needed_bytes: int, path: str) -> Refused:
    """Return what is told to people when nothing can be left out to make it work.

    Parameters
    ----------
    what : str
        What was tried, as the beginning of a sentence.
    """
    last = last_lines(lines)
    text = "\n".join(lines)
    if _DISK.search(text):
        return disk_full(path, free_bytes, needed_bytes, last)
    if _FORBIDDEN.search(text):
        return Refused(
            "permission",
            what + " failed: no permission to write below " + path,
            "Choose another directory for the cache of jupyter-scale on this host.",
            last,
        )
    if _UNREACHABLE.search(text):
        return Refused(
            "index",
            what + " failed: the package index cannot be reached from this host.",
            "Give the host access to an index (variable UV_DEFAULT_INDEX, or pip's configuration"
            " there); without one the packages can be sent as wheels.",
            last,
        )
    return Refused("install", what + " failed.", "Its last lines may tell why.", last)


def disk_full(
    path: str, free_bytes: int, needed_bytes: int, lines: tuple[str, ...] = ()
) -> Refused:
    """Return the refusal of a disk that is, or would be, full."""
    needs = f" The environment needs about {megabytes(needed_bytes)}." if needed_bytes else ""
    return Refused(
        "disk",
        f"There is not enough room in {path}: {megabytes(free_bytes)} are free.{needs}",
        "Free some space there, remove old environments with `jupyter scale clean`, or choose"
        " another directory for the cache of jupyter-scale on this host.",
        lines,
    )


def last_lines(lines: list[str]) -> tuple[str, ...]:
    """Return the end of what a program wrote, fit to be shown."""
    return tuple(without_passwords(line) for line in lines if line.strip())[-_SHOWN:]


def megabytes(count: int) -> str:
    """Return a size for people."""
    return "%.0f MB" % (count / 1e6) if count < 1e9 else "%.1f GB" % (count / 1e9)  # noqa: PLR2004
