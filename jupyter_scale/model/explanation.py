"""What a ``%%scale`` cell would do, found out without running it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Possession(StrEnum):
    """What the cluster has of a name."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "there already"
    STAYS = "stays there"


@dataclass(frozen=True, slots=True)
class NamePlan:
    """One name that the cell reads.

    Attributes
    ----------
    chain
        Names through which the cell reads it, itself the last.
    nbytes
        Its size; None for a value on the cluster whose size is not known.
    sends
        Bytes of it that would travel. Names that share data send that once: the sum may be more
        than what travels in all.
    """

    name: str
    type_name: str
    chain: tuple[str, ...]
    has: Possession
    nbytes: int | None
    sends: int


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that the cell reads and that cannot travel."""

    what: str
    why: str
    chain: tuple[str, ...]
    advice: str


@dataclass(frozen=True, slots=True)
class LoopPlan:
    """One loop: whether it may spread, or why not, and what became of it the last time."""

    line: int
    kind: str
    spreads: bool
    why: str
    last_time: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is known of a cell before it runs.

    Attributes
    ----------
    where
        Where it would run, as a sentence.
    is_here
        It would run in the notebook's own kernel.
    sends
        Bytes that would travel in all.
    binds, mutates, deletes
        Names that the cell may bind, change in place or delete.
    stays
        Names whose new values would stay on the cluster.
    notices
        What the source does not show: reads by text, magics.
    """

    where: str
    is_here: bool
    sends: int
    names: tuple[NamePlan, ...]
    obstacles: tuple[Obstacle, ...]
    binds: tuple[str, ...]
    mutates: tuple[str, ...]
    deletes: tuple[str, ...]
    stays: tuple[str, ...]
    loops: tuple[LoopPlan, ...]
    notices: tuple[str, ...]

    @property
    def sent(self) -> tuple[str, ...]:
        """Names of which something would travel."""
        return tuple(
            plan.name for plan in self.names if plan.has in {Possession.NEW, Possession.CHANGED}
        )
