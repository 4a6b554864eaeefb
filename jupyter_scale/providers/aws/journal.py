"""What was asked of AWS for a cluster, written down before it was asked: ``resources.json``.

Whatever is in the journal may exist; what is not cannot. It is in the cluster's directory, and goes
with it, when nothing of it is left. The regions that were ever used, and by which this machine's
resources are known, are in ``aws.json`` beside the directories of all clusters.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from jupyter_scale.errors import StateError

_VERSION = 1
_FILE = "resources.json"
_USED = "aws.json"


@dataclass(frozen=True)
class Launch:
    """One RunInstances.

    Parameters
    ----------
    pool : str
        For which pool.
    number : int
        Which one of the pool.
    token : str
        Its ClientToken.
    nodes : tuple of str
        The nodes that its instances become.
    kind, zone : str
        The type and the zone that were asked for; no zone is any.
    is_spot : bool
        Whether spot instances were asked for.
    usd_per_h, dearest_usd_per_h : float, optional
        What one costs, and may cost.
    user : str
        Who logs in there.
    asked_at : float
        Unix time.
    is_refused : bool
        Whether AWS said no: then there are none.
    """

    pool: str
    number: int
    token: str
    nodes: tuple[str, ...]
    kind: str
    zone: str
    is_spot: bool
    usd_per_h: float | None
    dearest_usd_per_h: float | None
    user: str
    asked_at: float
    is_refused: bool = False


@dataclass(frozen=True)
class Journal:
    """All that may exist of a cluster.

    Parameters
    ----------
    region, aws_profile : str
        Where, and by which profile of AWS's own configuration.
    group_id : str
        The security group, when its id is known; that of the user when `is_own_group` is false.
    let_in : str
        The network that may log in.
    launches : tuple of Launch
        In their order.
    """

    region: str
    aws_profile: str = ""
    group_id: str = ""
    is_own_group: bool = True
    let_in: str = ""
    launches: tuple[Launch, ...] = ()
    version: int = field(default=_VERSION)

    def next_number(self, pool: str) -> int:
        """Return the number of a pool's next launch."""
        return 1 + max((one.number for one in self.launches if one.pool == pool), default=0)

    def with_launch(self, launch: Launch) -> Journal:
        """Return the journal with a launch, new or changed."""
        others = [one for one in self.launches if one.token != launch.token]
        return replace(self, launches=(*others, launch))

    def latest_of(self, node: str) -> Launch | None:
        """Return the latest launch for a node that was not refused."""
        launches = (o for o in self.launches if node in o.nodes and not o.is_refused)
        return max(launches, key=lambda one: one.number, default=None)

    def launch_of(self, token: str) -> Launch | None:
        """Return the launch of that token."""
        return next((one for one in self.launches if one.token == token), None)


def save(directory: Path, journal: Journal) -> None:
    """Write a journal down, for good before this returns."""
    _write(directory / _FILE, json.dumps(asdict(journal), indent=2))


def load(directory: Path) -> Journal | None:
    """Return the journal of a cluster, None when nothing was ever asked for.

    Raises
    ------
    StateError
        When it cannot be read.
    """
    try:
        data = json.loads((directory / _FILE).read_text())
        if data["version"] != _VERSION:
            raise StateError(
                f"{directory / _FILE} has version {data['version']}: end the cluster with the"
                " jupyter-scale that started it."
            )
        launches = [Launch(**{**one, "nodes": tuple(one["nodes"])}) for one in data.pop("launches")]
        return Journal(**data, launches=tuple(launches))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(f"{directory / _FILE} is damaged: {error!r}") from error


def is_empty(directory: Path) -> bool:
    """Tell whether nothing can exist of a cluster."""
    return not (directory / _FILE).exists()


def forget(directory: Path) -> None:
    """Remove a journal: nothing of it is left."""
    (directory / _FILE).unlink(missing_ok=True)


@dataclass(frozen=True)
class Place:
    """A region as one profile of AWS's own configuration sees it."""

    region: str
    aws_profile: str


@dataclass(frozen=True)
class Used:
    """What outlives clusters: by what our resources are known, and where there may be any."""

    laptop: str
    places: tuple[Place, ...]


def was_used(root: Path) -> bool:
    """Tell whether anything was ever asked of AWS from this machine."""
    return (root / _USED).exists()


def used(root: Path, place: Place | None = None) -> Used:
    """Return what was ever used from this machine.

    Parameters
    ----------
    root : Path
        Where the directories of all clusters are.
    place : Place, optional
        Is added, before anything is asked for there.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(root):
        known = _read_used(root / _USED)
        if known is None or (place is not None and place not in known.places):
            before = known or Used(secrets.token_hex(8), ())
            more = () if place is None else (place,)
            known = Used(before.laptop, (*before.places, *more))
            _write(root / _USED, json.dumps(asdict(known), indent=2))
    return known


def _read_used(path: Path) -> Used | None:
    try:
        data = json.loads(path.read_text())
        return Used(str(data["laptop"]), tuple(Place(**place) for place in data["places"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    with (root / "aws.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(path: Path, text: str) -> None:
    """Write a file that only this user can read, whole and on the disk, or not at all."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
