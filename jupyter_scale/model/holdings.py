"""Holdings: what a notebook has on the cluster, name by name, as its kernel tells the panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

HoldingState = Literal["same", "changed", "unchecked", "gone", "stays"]


class Holding(NamedTuple):
    """One name that a notebook has on the cluster.

    `state` says how the copy there compares with the notebook's own value: it is the same; it is
    another by now, and travels when a cell reads the name; a cell ran since they were compared,
    which happens when the name is read there next; the notebook has unbound the name, and the copy
    goes with the next cell. What `stays` is pinned: the notebook has a stand-in only, `why` says
    because of what, and it comes home if it `can_travel`.

    `type_name` has the module unless that is the notebook or ``builtins``; `form` is shape and
    element type, or how many items; `nbytes` is null where it is not known. A value to which only
    other values lead is not `is_named`.
    """

    name: str
    type_name: str
    form: str
    nbytes: int | None
    state: HoldingState
    node: str
    why: str
    can_travel: bool
    is_named: bool


@dataclass(frozen=True, slots=True)
class Holdings:
    """All that a notebook has on the cluster; `names` is null if it is as at an earlier `stamp`.

    `version` is that of the feed.
    """

    version: int
    stamp: str
    cluster: str
    names: tuple[Holding, ...] | None
