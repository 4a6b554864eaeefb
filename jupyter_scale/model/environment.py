"""Environments: what a notebook's Python has installed, and what a node has of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from jupyter_scale.errors import StateError

LOCK_VERSION = 1
_HASH_DIGITS = 20


@dataclass(frozen=True)
class Pin:
    """One package that a node installs by itself.

    Parameters
    ----------
    name : str
        Its normalised name: lower case, words joined by ``-``.
    version : str
        Exactly this one.
    url : str
        Where it comes from if not from an index: ``"git+https://...@<commit>"`` or an archive.
    only_wheels : bool
        It is never built from source: here the operating system or conda has built it.
    """

    name: str
    version: str
    url: str = ""
    only_wheels: bool = False

    @property
    def requirement(self) -> str:
        """The line that asks an installer for it."""
        return f"{self.name} @ {self.url}" if self.url else f"{self.name}=={self.version}"


@dataclass(frozen=True)
class Carried:
    """One package that no index has: the laptop makes a wheel of what is installed there.

    Parameters
    ----------
    name, version : str
        As for `Pin`.
    tags : tuple of str
        What the wheel fits, for instance ``("py3-none-any",)``.
    digest : str
        A hash of the files that it installs.
    """

    name: str
    version: str
    tags: tuple[str, ...]
    digest: str

    @property
    def is_pure(self) -> bool:
        """Tell whether it fits every platform."""
        return all(tag.endswith("-none-any") for tag in self.tags)


@dataclass(frozen=True)
class Unmatched:
    """A package that a node has not, or not in the notebook's version; `why` is a sentence."""

    name: str
    version: str
    why: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}: {self.why}"


@dataclass(frozen=True)
class EnvironmentLock:
    """All that decides which environment a node gets.

    Parameters
    ----------
    python : str
        Minor version of the notebook's Python, ``"3.12"``; with a ``t`` if it is free-threaded.
    platform : str
        The laptop's: what was compiled there fits nodes of this platform only, ``"linux-x86_64"``.
    pins, carried : tuple
        What a node has to have, sorted by name.
    unmatched : tuple of Unmatched
        What no node can have, whichever it is.
    size_bytes : int
        How much it takes on the laptop's disk. A node needs about as much.
    micro : int
        The third number of the version of the notebook's Python; nodes need not have the same.
    """

    python: str
    platform: str
    pins: tuple[Pin, ...] = ()
    carried: tuple[Carried, ...] = ()
    unmatched: tuple[Unmatched, ...] = ()
    size_bytes: int = field(default=0, compare=False)
    micro: int = field(default=0, compare=False)
    version: int = LOCK_VERSION

    @property
    def hash(self) -> str:
        """The name of the environment on every node: equal locks have equal ones."""
        pins = [asdict(pin) for pin in self.pins]
        carried = [asdict(one) for one in self.carried]
        text = json.dumps([self.version, self.python, pins, carried], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS]

    def to_json(self) -> str:
        """Return the lock as a JSON document."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> EnvironmentLock:
        """Rebuild what `to_json` returned.

        Raises
        ------
        StateError
            When it is not a lock, or one of another version.
        """
        try:
            data: dict[str, Any] = json.loads(text)
            if data["version"] != LOCK_VERSION:
                raise StateError(
                    f"The environment's lock has version {data['version']!r}, and this"
                    f" jupyter-scale reads version {LOCK_VERSION}: start the cluster again."
                )
            return cls(
                **{
                    **data,
                    "pins": tuple(Pin(**pin) for pin in data["pins"]),
                    "carried": tuple(
                        Carried(**{**one, "tags": tuple(one["tags"])}) for one in data["carried"]
                    ),
                    "unmatched": tuple(Unmatched(**one) for one in data["unmatched"]),
                }
            )
        except (ValueError, KeyError, TypeError) as error:
            raise StateError(f"This is not the lock of an environment: {error!r}") from error


@dataclass(frozen=True)
class LockChange:
    """What became of an environment: names with versions, sorted."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def compare_locks(before: EnvironmentLock, after: EnvironmentLock) -> LockChange:
    """Return what a node has to install or to leave out, for people to read."""
    old, new = _versions(before), _versions(after)
    return LockChange(
        added=tuple(f"{name} {new[name][0]}" for name in sorted(new.keys() - old.keys())),
        removed=tuple(f"{name} {old[name][0]}" for name in sorted(old.keys() - new.keys())),
        changed=tuple(
            f"{name} {old[name][0]} → {new[name][0]}"
            for name in sorted(new.keys() & old.keys())
            if new[name] != old[name]
        ),
    )


def _versions(lock: EnvironmentLock) -> dict[str, tuple[str, str]]:
    """Return ``name → (version, what else tells two installations apart)``."""
    pins = {pin.name: (pin.version, pin.url) for pin in lock.pins}
    return pins | {one.name: (one.version, one.digest) for one in lock.carried}


@dataclass(frozen=True)
class EnvironmentStep:
    """A step of making an environment, worth showing: as in `ClusterEvent`."""

    step: str
    message: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class NodeFacts:
    """What a look at a node told.

    Parameters
    ----------
    host : str
        What it calls itself.
    platform : str
        As in `EnvironmentLock`.
    glibc : str
        Version of its C library, empty where that is another one.
    cores, memory_bytes, free_bytes : int
        What it has; the last is the room where environments go.
    gpus : tuple of str
        Names, as ``nvidia-smi`` tells them.
    clock_offset_s : float
        How far its clock is ahead of the asker's.
    pythons : Mapping
        ``minor version → path``; without the ones that do not run.
    uv : str
        Path of a ``uv`` that is recent enough, or empty.
    cache : str
        The directory where all goes that jupyter-scale leaves there.
    environments : tuple of str
        Hashes of those that are complete.
    """

    host: str
    platform: str
    glibc: str
    cores: int
    memory_bytes: int
    free_bytes: int
    gpus: tuple[str, ...]
    clock_offset_s: float
    pythons: dict[str, str]
    uv: str
    cache: str
    environments: tuple[str, ...]


@dataclass(frozen=True)
class NodeEnvironment:
    """An environment that is complete on a node.

    Parameters
    ----------
    python : str
        Path of its interpreter.
    site_packages : str
        Where its packages are.
    unmatched : tuple of Unmatched
        What the notebook has and this environment has not, the lock's own included.
    was_complete : bool
        Whether nothing had to be done.
    seconds : float
        What it took on the node.
    """

    python: str
    site_packages: str
    unmatched: tuple[Unmatched, ...]
    was_complete: bool
    seconds: float

    @property
    def missing(self) -> tuple[str, ...]:
        """What it has not, for people."""
        return tuple(map(str, self.unmatched))
