"""Profiles: what a cluster shall be, as its user declared it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

IDLE_TIMEOUT_S = 30 * 60.0
ORPHAN_AFTER_S = 2 * 3600.0
KEEP_FOR_S = 24 * 3600.0
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

Value = str | int | float | bool | tuple[str, ...]
"""What an option of a provider can be set to."""

OptionKind = Literal["integer", "number", "text", "texts", "flag", "duration"]


@dataclass(frozen=True)
class Option:
    """What a provider accepts for one of its own keys.

    Parameters
    ----------
    kind : str
        The type that a profile has to give; a ``"duration"`` such as ``"30m"`` is kept in seconds.
    expected : str
        The end of the sentence "expected ...", for instance ``"a port from 1 to 65535"``.
    minimum, maximum : float, optional
        Limits of numbers and durations, both inclusive.
    required : bool
        Whether a profile must set it.
    """

    kind: OptionKind
    expected: str
    minimum: float | None = None
    maximum: float | None = None
    required: bool = False


@dataclass(frozen=True)
class Limits:
    """Limits of a cluster that were changed since it was declared; None as declared.

    Parameters
    ----------
    idle_timeout_s, orphan_after_s : float, optional
        See `Profile`.
    max_cost, max_age : float, optional
        Options of those providers that have them: US dollars, and seconds.
    """

    idle_timeout_s: float | None = None
    orphan_after_s: float | None = None
    max_cost: float | None = None
    max_age: float | None = None

    def __bool__(self) -> bool:
        return self != Limits()

    def options(self) -> dict[str, float]:
        """Return those that are options of a provider."""
        known = {"max_cost": self.max_cost, "max_age": self.max_age}
        return {name: value for name, value in known.items() if value is not None}

    def updated(self, changes: Limits) -> Limits:
        """Return these with some changed."""
        return replace(self, **changes.to_dict())

    def to_dict(self) -> dict[str, float]:
        """Return those that were changed, as JSON types."""
        known: dict[str, float | None] = vars(self)
        return {name: value for name, value in known.items() if value is not None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Limits:
        """Rebuild what `to_dict` returned."""
        return cls(**{name: float(value) for name, value in data.items()})


@dataclass(frozen=True)
class Pool:
    """Like nodes of one kind.

    Parameters
    ----------
    name : str
        Unique within its profile; ``--on NAME`` chooses it.
    count : int
        Number of nodes.
    min : int, optional
        The cluster is usable from so many nodes on (provider ``local``: workers); all when None.
    workers : int, optional
        Dask workers on each node; one per core when None.
    options : mapping
        The provider's own keys, already validated against its `Option` s.
    """

    name: str
    count: int = 1
    min: int | None = None
    workers: int | None = None
    options: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """A named, declarative description of a cluster.

    Parameters
    ----------
    name : str
        What ``%scale up NAME`` is called with.
    provider : str
        Where nodes come from: ``"local"``, or an entry point in ``jupyter_scale.providers``.
    pools : tuple of Pool
        At least one.
    idle_timeout_s : float, optional
        The cluster ends itself when nothing ran for so long; never when None.
    options : mapping
        The provider's own keys, already validated against its `Option` s.
    orphan_after_s : float, optional
        A cluster that outlives its owner ends itself when no owner was heard for so long.
    keep_for_s : float, optional
        What cells left that nobody has fetched is kept for so long; see `kept_for_s`, `held_for_s`.
    """

    name: str
    provider: str
    pools: tuple[Pool, ...]
    idle_timeout_s: float | None = None
    options: Mapping[str, Value] = field(default_factory=dict)
    orphan_after_s: float | None = None
    keep_for_s: float | None = None

    @property
    def kept_for_s(self) -> float:
        """For how long what nobody has fetched is kept, if its cluster lives so long."""
        return KEEP_FOR_S if self.keep_for_s is None else self.keep_for_s

    def held_for_s(self, *, is_paid: bool) -> float:
        """Return for how long that holds up a cluster's end; one that is paid: only if said."""
        return 0.0 if is_paid and self.keep_for_s is None else self.kept_for_s

    def with_workers(self, workers: int) -> Profile:
        """Return the profile with that many workers on each node."""
        pools = tuple(replace(pool, workers=workers) for pool in self.pools)
        return replace(self, pools=pools)

    def limited(self, limits: Limits) -> Profile:
        """Return the profile with limits changed."""
        idle, orphan = limits.idle_timeout_s, limits.orphan_after_s
        return replace(
            self,
            idle_timeout_s=self.idle_timeout_s if idle is None else idle,
            orphan_after_s=self.orphan_after_s if orphan is None else orphan,
            options={**self.options, **limits.options()},
        )

    def with_limits(self) -> Profile:
        """Return the profile with the limits of a cluster that outlives its owner."""
        return replace(
            self,
            idle_timeout_s=IDLE_TIMEOUT_S if self.idle_timeout_s is None else self.idle_timeout_s,
            orphan_after_s=ORPHAN_AFTER_S if self.orphan_after_s is None else self.orphan_after_s,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the profile as JSON types."""
        return {
            "name": self.name,
            "provider": self.provider,
            "pools": [
                {
                    "name": pool.name,
                    "count": pool.count,
                    "min": pool.min,
                    "workers": pool.workers,
                    "options": _plain(pool.options),
                }
                for pool in self.pools
            ],
            "idle_timeout_s": self.idle_timeout_s,
            "options": _plain(self.options),
            "orphan_after_s": self.orphan_after_s,
            "keep_for_s": self.keep_for_s,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Profile:
        """Rebuild what `to_dict` returned."""
        return cls(
            name=data["name"],
            provider=data["provider"],
            pools=tuple(
                Pool(**{**pool, "options": _frozen(pool["options"])}) for pool in data["pools"]
            ),
            idle_timeout_s=data["idle_timeout_s"],
            options=_frozen(data["options"]),
            orphan_after_s=data["orphan_after_s"],
            keep_for_s=data.get("keep_for_s"),
        )


def embedded_profile(workers: int | None = None) -> Profile:
    """Return the profile of the cluster that starts by itself beside a kernel.

    Parameters
    ----------
    workers : int, optional
        Number of Dask workers; one per core when None.
    """
    return Profile(name="local", provider="local", pools=(Pool(name="local", workers=workers),))


def _plain(options: Mapping[str, Value]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in options.items()}


def _frozen(options: Mapping[str, Any]) -> dict[str, Value]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}


def parse_duration(text: str) -> float | None:
    """Return the seconds of ``"90s"``, ``"30m"``, ``"1.5h"`` or ``"7d"``, None of anything else."""
    match = _DURATION.fullmatch(text.strip())
    return float(match[1]) * _SECONDS[match[2]] if match else None
