"""Profiles on disk: where ``scale.toml`` is found, and what is wrong with it, to the line."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from jupyter_core.paths import jupyter_config_dir

from jupyter_scale.clusters.toml_lines import Place, find_line
from jupyter_scale.errors import ProfileError
from jupyter_scale.model.profile import (
    Option,
    Pool,
    Profile,
    Value,
    embedded_profile,
    parse_duration,
)
from jupyter_scale.providers.provider import Provider, load_provider

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FILE_NAME = "scale.toml"
MAX_WORKERS = 1024
MAX_NODES = 1000

_NAME = re.compile(r"\w[\w.-]*", re.ASCII)
_TEXT = Option("text", "a text in quotes")
_NAME_OPTION = Option("text", "a name of letters, digits, '_', '-' and '.'")
_IDLE = Option("duration", 'a duration of at least 10 s such as "30m", "2h" or "90s"', minimum=10)
_ORPHAN = replace(_IDLE, expected='a duration of at least 10 s such as "2h"')
_POOL = {
    "name": _NAME_OPTION,
    "count": Option("integer", f"a number of nodes from 1 to {MAX_NODES}", 1, MAX_NODES),
    "min": Option("integer", "a number from 1", 1),
    "workers": Option("integer", f"a number of workers from 1 to {MAX_WORKERS}", 1, MAX_WORKERS),
}
_CLUSTER = {
    "provider": _TEXT,
    "idle_timeout": _IDLE,
    "orphan_after": _ORPHAN,
    "keep_for": replace(_IDLE, expected='a duration of at least 10 s such as "24h"'),
    "pools": Option("text", "tables [[clusters.NAME.pools]]"),
}


def load_profile(name: str, directory: Path) -> Profile:
    """Return the profile of that name.

    Parameters
    ----------
    name : str
        ``"local"`` exists always: one local node, a worker per core.
    directory : Path
        Where the notebook is. The ``scale.toml`` there comes first, then that of Jupyter's config
        directory.

    Raises
    ------
    ProfileError
        When there is none, or something is wrong with it: which file, which line, what was found,
        and what was expected.
    """
    known: set[str] = set()
    for path in search_path(directory):
        if path.is_file():
            reader = _Reader(path)
            if name in reader.names:
                return reader.read(name)
            known |= reader.names
    if name == "local":
        return embedded_profile()
    where = " or ".join(map(str, search_path(directory)))
    names = sorted(known | {"local"})
    raise ProfileError(
        f"There is no profile {name!r} in {where}{_hint(name, names)} "
        f"Known are: {', '.join(names)}."
    )


def profile_names(directory: Path) -> list[str]:
    """Return the names that `load_profile` knows, whether or not their tables are right.

    Raises
    ------
    ProfileError
        When a file cannot be read at all.
    """
    files = [path for path in search_path(directory) if path.is_file()]
    return sorted({"local"}.union(*(_Reader(path).names for path in files)))


def search_path(directory: Path) -> tuple[Path, ...]:
    """Return the files that may hold profiles, the most important first."""
    return (directory / FILE_NAME, Path(jupyter_config_dir()) / FILE_NAME)


def read_profile(name: str, path: Path, text: str) -> Profile:
    """Return a profile of a file with that text, whether or not the file has it already.

    Raises
    ------
    ProfileError
        When there is none, or something is wrong with it.
    """
    reader = _Reader(path, text)
    if name not in reader.names:
        raise ProfileError(f"There is no profile {name!r} in {path}.")
    return reader.read(name)


def check_name(name: str) -> None:
    """Raise ProfileError unless a profile may be called so."""
    if not _NAME.fullmatch(name):
        found = f"found {name!r}, expected {_NAME_OPTION.expected}."
        raise ProfileError(f"The name of a profile: {found}", found, "name")


class _Reader:
    """Reads one file; every complaint names file and line."""

    def __init__(self, path: Path, text: str | None = None) -> None:
        self._path = path
        self._text = _read(path) if text is None else text
        try:
            content = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            raise ProfileError(f"{path} is not valid TOML: {error}.") from error
        self._refuse_unknown(content, ("clusters",), Place(()))
        self._clusters = content.get("clusters", {})
        if not isinstance(self._clusters, dict):
            raise self._error(Place((), "clusters"), self._clusters, "tables [clusters.NAME]")
        self.names = set(self._clusters)

    def read(self, name: str) -> Profile:
        """Return one profile of the file."""
        place, table = Place(("clusters", name)), self._clusters[name]
        if not isinstance(table, dict) or not _NAME.fullmatch(name):
            raise self._error(place, name, f"a table [clusters.NAME], {_NAME_OPTION.expected}")
        provider = self._provider(table, place)
        options = {**_CLUSTER, **provider.cluster_options}
        self._refuse_unknown(table, options, place)
        values = self._values({k: v for k, v in table.items() if k != "pools"}, options, place)
        values.pop("provider", None)
        idle = cast("float | None", values.pop("idle_timeout", None))
        orphan = cast("float | None", values.pop("orphan_after", None))
        keep_for = cast("float | None", values.pop("keep_for", None))
        self._require(provider.cluster_options, values, place)
        profile = Profile(
            name=name,
            provider=table.get("provider", "local"),
            pools=self._pools(table, provider, place),
            idle_timeout_s=idle,
            options=values,
            orphan_after_s=orphan,
            keep_for_s=keep_for,
        )
        try:
            provider.check(profile)
        except ProfileError as error:
            raise self._wrapped(place, error) from None
        return profile

    def _provider(self, table: Mapping[str, Any], place: Place) -> Provider:
        name = table.get("provider", "local")
        if not isinstance(name, str):
            raise self._error(place.key("provider"), name, _TEXT.expected)
        try:
            return load_provider(name)
        except ProfileError as error:
            raise self._wrapped(place.key("provider"), error) from error

    def _pools(
        self, table: Mapping[str, Any], provider: Provider, place: Place
    ) -> tuple[Pool, ...]:
        tables = table.get("pools", [{}])
        expected = f"one or more tables [[{'.'.join(place.table)}.pools]]"
        if not isinstance(tables, list) or not tables:
            raise self._error(place.key("pools"), tables, expected)
        pools: list[Pool] = []
        for index, pool_table in enumerate(tables):
            pool_place = Place((*place.table, "pools"), index=index)
            if not isinstance(pool_table, dict):
                raise self._error(place.key("pools"), pool_table, expected)
            pool = self._pool(pool_table, provider, pool_place, default_name=f"pool{index + 1}")
            if pool.name in [earlier.name for earlier in pools]:
                raise self._error(pool_place.key("name"), pool.name, "another name for each pool")
            pools.append(pool)
        if provider.max_nodes is not None and len(pools) > provider.max_nodes:
            at = Place((*place.table, "pools"), index=provider.max_nodes)
            raise self._error(at, f"{len(pools)} pools", f"{provider.max_nodes} pool at most")
        return tuple(pools)

    def _pool(
        self, table: Mapping[str, Any], provider: Provider, place: Place, default_name: str
    ) -> Pool:
        options = {**_POOL, **provider.pool_options}
        self._refuse_unknown(table, options, place)
        values: dict[str, Any] = self._values(table, options, place)
        name = values.pop("name", default_name)
        if not _NAME.fullmatch(name):
            raise self._error(place.key("name"), name, _NAME_OPTION.expected)
        try:
            count = provider.count_nodes(values, values.pop("count", 1))
        except ProfileError as error:
            raise self._wrapped(place, error) from None
        minimum = values.pop("min", None)
        workers = values.pop("workers", None)
        if provider.max_nodes is not None and count > provider.max_nodes:
            raise self._error(place.key("count"), count, f"{provider.max_nodes} node at most")
        most = workers if provider.max_nodes == 1 else count
        if minimum is not None and most is not None and minimum > most:
            raise self._error(place.key("min"), minimum, f"a number from 1 to {most}")
        self._require(provider.pool_options, values, place)
        return Pool(name, count, minimum, workers, values)

    def _values(
        self, table: Mapping[str, Any], options: Mapping[str, Option], place: Place
    ) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for key, found in table.items():
            value = _convert(found, options[key])
            if value is None:
                raise self._error(place.key(key), found, options[key].expected)
            values[key] = value
        return values

    def _require(
        self, options: Mapping[str, Option], values: Mapping[str, Value], place: Place
    ) -> None:
        for key, option in options.items():
            if option.required and key not in values:
                complaint = f"{key!r} is missing; expected {option.expected}."
                raise ProfileError(f"{self._at(place)}: {complaint}", complaint, key)

    def _refuse_unknown(self, table: Mapping[str, Any], known: Iterable[str], place: Place) -> None:
        names = sorted(known)
        for key in table:
            if key not in names:
                complaint = (
                    f"unknown key {key!r}{_hint(key, names)} Expected one of: {', '.join(names)}."
                )
                raise ProfileError(f"{self._at(place.key(key))}: {complaint}", complaint, key)

    def _error(self, place: Place, found: object, expected: str) -> ProfileError:
        key = f"{place.name} = " if place.name else ""
        complaint = f"found {key}{found!r}, expected {expected}."
        return ProfileError(f"{self._at(place)}: {complaint}", complaint, place.name)

    def _wrapped(self, place: Place, error: ProfileError) -> ProfileError:
        """Return what a provider complains of, with its place."""
        return ProfileError(f"{self._at(place)}: {error}", str(error), error.key or place.name)

    def _at(self, place: Place) -> str:
        return f"{self._path}, line {find_line(self._text, place)}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path} cannot be read: {error}.") from error


def _convert(found: object, option: Option) -> Value | None:
    """Return what a profile gives for an option, None when it is not what was expected."""
    value: Value | None = None
    match option.kind, found:
        case "flag", bool():
            value = found
        case (_, bool()):
            pass
        case ("integer", int() as number) | ("number", (int() | float()) as number):
            value = number
        case "duration", str():
            value = parse_duration(found)
        case "text", str():
            value = found
        case "texts", list() if all(isinstance(item, str) for item in found):
            value = tuple(found)
    return value if _is_within(value, option) else None


def _is_within(value: Value | None, option: Option) -> bool:
    if not isinstance(value, int | float):
        return True
    low = option.minimum is None or value >= option.minimum
    return low and (option.maximum is None or value <= option.maximum)


def _hint(found: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(found, list(known), n=1)
    return f" (did you mean {close[0]!r}?)." if close else "."
