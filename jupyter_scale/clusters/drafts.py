"""Profiles that a form describes: checked as any other, and added to a ``scale.toml``.

A profile is added behind what the file says already, as text: its comments, order and spaces stay
as they are. One that is there is never overwritten.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_scale.clusters.profiles import FILE_NAME, check_name, read_profile
from jupyter_scale.errors import ProfileError, ProfileExists

if TYPE_CHECKING:
    from jupyter_scale.model.profile import Profile

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def check_draft(name: str, table: Mapping[str, Any]) -> Profile:
    """Return the profile that a table describes; its values are those of JSON.

    Raises
    ------
    ProfileError
        When something is wrong with it: which key, what was found, and what was expected.
    """
    check_name(name)
    return read_profile(name, Path(FILE_NAME), to_toml(name, table))


def add_profile(path: Path, name: str, table: Mapping[str, Any]) -> None:
    """Add a profile to a file, which is made if it is not there.

    Raises
    ------
    ProfileExists
        When the file has one of that name.
    ProfileError
        When it is wrong, or the file cannot be read or written.
    """
    check_draft(name, table)
    try:
        before = path.read_bytes().decode() if path.exists() else ""
        if name in _names(path, before):
            raise ProfileExists(
                f"{path} has a profile {name!r} already: choose another name, or edit it there.",
                f"There is a profile of this name in {path}: choose another name.",
                "name",
            )
        after = _joined(before, to_toml(name, table))
        try:
            read_profile(name, path, after)
        except ProfileError as error:  # for instance, `clusters` is an inline table
            raise ProfileError(f"The profile cannot be added behind the others: {error}") from error
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, after)
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path} cannot be changed: {error}.") from error


def _names(path: Path, text: str) -> Mapping[str, object]:
    try:
        clusters = tomllib.loads(text).get("clusters", {})
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{path} is not valid TOML: {error}.") from error
    if not isinstance(clusters, dict):
        raise ProfileError(f"{path}: found clusters = {clusters!r}, expected tables.")
    return clusters


def _joined(before: str, added: str) -> str:
    """Return a file's text with a profile behind it, in the file's own line ends. Pure."""
    if not before.strip():
        return added
    text = ("\n" if before.endswith("\n") else "\n\n") + added
    return before + (text.replace("\n", "\r\n") if "\r\n" in before else text)


def _write(path: Path, text: str) -> None:
    """Write a file at once; a link stays one, and permissions stay what they were."""
    real = path.resolve()
    draft = real.with_name(f".{real.name}.{os.getpid()}.new")
    try:
        draft.write_bytes(text.encode())
        if real.exists():
            draft.chmod(real.stat().st_mode & 0o7777)
        draft.replace(real)
    finally:
        draft.unlink(missing_ok=True)


def to_toml(name: str, table: Mapping[str, Any]) -> str:
    """Return the text of a profile; what is None is left out. Pure.

    Raises
    ------
    ProfileError
        When a value is none that a profile has.
    """
    head = f"clusters.{_key(name)}"
    pools = table.get("pools")
    lines = [f"[{head}]", *_pairs({key: table[key] for key in table if key != "pools"})]
    if isinstance(pools, list) and all(isinstance(pool, Mapping) for pool in pools):
        for pool in pools:
            lines += [f"[[{head}.pools]]", *_pairs(pool)]
    else:
        lines += _pairs({"pools": pools})
    return "\n".join(lines) + "\n"


def _pairs(table: Mapping[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        if value is not None:
            yield f"{_key(key)} = {_value(key, value)}"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _quoted(name, name)


def _value(key: str, value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_plain(key, item) for item in value)}]"
    return _plain(key, value)


def _plain(key: str, value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float() if isfinite(value):
            return json.dumps(value)
        case str():
            return _quoted(key, value)
    expected = "a text, a number, true or false, or a list of these"
    raise _refusal(key, f"found {value!r}, expected {expected}.")


def _quoted(key: str, text: str) -> str:
    """Return a text in quotes: JSON's are TOML's, but for the character DEL."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _refusal(key, f"found {text!r}, which is no Unicode text.") from None
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _refusal(key: str, complaint: str) -> ProfileError:
    return ProfileError(f"{key}: {complaint}", complaint, key)
