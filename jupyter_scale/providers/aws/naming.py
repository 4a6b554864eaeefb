"""What our resources in AWS are called, and how they are told from all others. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

PREFIX = "jupyter-scale:"
CLUSTER = f"{PREFIX}cluster"
LAPTOP = f"{PREFIX}laptop"
OWNER = f"{PREFIX}owner"
LAUNCH = f"{PREFIX}launch"
NAME = f"{PREFIX}name"
CREATED = f"{PREFIX}created"
EXPIRES = f"{PREFIX}expires"
_MOST_CHARS = 256


@dataclass(frozen=True)
class Identity:
    """Whose resources they are.

    Parameters
    ----------
    cluster : str
        The cluster's id.
    name : str
        Its profile's name.
    owner : str
        ``USER@HOST``, for people.
    laptop : str
        Says for programs on which machine the cluster is recorded.
    """

    cluster: str
    name: str
    owner: str
    laptop: str

    @property
    def resource(self) -> str:
        """What its key pair and its security group are called."""
        return resource_name(self.cluster)

    def tags(self, created: float, expires: float) -> list[dict[str, str]]:
        """Return the tags of all its resources, as EC2 takes them; times are Unix seconds."""
        values = {
            "Name": f"jupyter-scale {self.name}",
            CLUSTER: self.cluster,
            NAME: self.name,
            OWNER: self.owner,
            LAPTOP: self.laptop,
            CREATED: show_time(created),
            EXPIRES: show_time(expires),
        }
        return [{"Key": key, "Value": value[:_MOST_CHARS]} for key, value in values.items()]


def resource_name(cluster: str) -> str:
    """Return what a cluster's key pair and its security group are called."""
    return f"jupyter-scale-{cluster}"


def client_token(cluster: str, pool: str, number: int) -> str:
    """Return what makes one launch of a pool unique, however often it is asked for."""
    return hashlib.sha256(f"{cluster}/{pool}/{number}".encode()).hexdigest()[:64]


def tags_of(resource: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of what EC2 describes."""
    found: Sequence[Mapping[str, str]] = resource.get("Tags", ())
    return {tag["Key"]: tag["Value"] for tag in found}


def show_time(at: float) -> str:
    """Return a Unix time as ISO 8601 writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def node_names(pool: str, count: int) -> list[str]:
    """Return the names of a pool's first nodes."""
    return next_names(pool, count, ())


def next_names(pool: str, count: int, taken: Iterable[str]) -> list[str]:
    """Return so many names for nodes of a pool, after those that others have or had."""
    numbers = [name.removeprefix(f"{pool}-") for name in taken if name.startswith(f"{pool}-")]
    last = max((int(number) for number in numbers if number.isdecimal()), default=0)
    return [f"{pool}-{number}" for number in range(last + 1, last + 1 + count)]
