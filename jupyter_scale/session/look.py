"""What a cell needs: a look at every name that it reads, itself or through functions, and why."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jupyter_scale.analysis.cell import CellFacts
from jupyter_scale.errors import CannotTravel, ValueLost
from jupyter_scale.session.plan import is_shipped, names_to_look_at, visible_names
from jupyter_scale.shipping.ambient.places import describe
from jupyter_scale.shipping.fingerprint import DigestCache
from jupyter_scale.shipping.replica import Replica
from jupyter_scale.shipping.snapshot import Snapshot

#: A check that takes longer is worth a word.
SLOW_CHECK_S = 0.5
_SHARE = 0.3


@dataclass(slots=True)
class Look:
    """What was found.

    Attributes
    ----------
    snapshots
        ``name → snapshot`` of all that can travel, in the order in which names were found.
    readers
        ``name → name`` of the function or value through which the cell reads it; names that the
        cell itself reads are not in it.
    seconds
        ``name → seconds`` that the look took.
    failures
        What cannot travel, or is lost; empty unless failures were to be collected.
    """

    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    readers: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failures: list[CannotTravel | ValueLost] = field(default_factory=list)

    def chain(self, name: str) -> tuple[str, ...]:
        """Return the names through which the cell reads `name`, which is the last of them."""
        chain = [name]
        while chain[-1] in self.readers:
            chain.append(self.readers[chain[-1]])
        return tuple(reversed(chain))


def look_around(
    facts: CellFacts,
    replica: Replica,
    hidden: Mapping[str, Any],
    names_inside: Callable[[Snapshot], Iterable[str]],
    places: Mapping[str, Snapshot] | None = None,
    *,
    collect: bool = False,
) -> Look:
    """Take a snapshot of all that a cell reads, directly or through functions.

    Parameters
    ----------
    hidden
        Variables that IPython put into the notebook itself.
    names_inside
        Names that a value on the cluster leads to.
    places
        Snapshots of process-wide objects, which any cell may reach.
    collect
        Go on after a failure, and note it.

    Raises
    ------
    CannotTravel, ValueLost
        For the first name that fails, unless they are collected.
    """
    namespace, cache, look = replica.namespace, DigestCache(), Look()
    todo = deque(sorted(names_to_look_at(facts, namespace, hidden)))
    found = set(todo)
    certain = set(facts.reads)  # others are read only if code asks for names by text

    def follow(name: str, snapshot: Snapshot) -> None:
        more = {*_names_read(snapshot, namespace, hidden), *names_inside(snapshot)} - found
        for other in sorted(n for n in more if is_shipped(n, namespace, hidden)):
            look.readers[other] = name
            found.add(other)
            todo.append(other)

    for place, snapshot in (places or {}).items():
        look.snapshots[place] = snapshot
        follow(describe(place), snapshot)
    while todo:
        name = todo.popleft()
        started = time.perf_counter()
        try:
            snapshot = replica.look([name], cache)[name]
        except ValueLost as error:
            if name not in certain:
                continue
            if not collect:
                raise
            look.failures.append(error)
            continue
        except CannotTravel as error:
            failure = error.read_by(look.chain(name)[:-1])
            if not collect:
                raise failure from error
            look.failures.append(failure)
            continue
        look.snapshots[name] = snapshot
        look.seconds[name] = time.perf_counter() - started
        certain |= snapshot.global_reads
        follow(name, snapshot)
    return look


def _names_read(
    snapshot: Snapshot, namespace: Mapping[str, Any], hidden: Mapping[str, Any]
) -> set[str]:
    names = set(snapshot.global_reads)
    return names if snapshot.dynamic_reads is None else names | visible_names(namespace, hidden)


def slow_names(seconds: Mapping[str, float]) -> dict[str, float]:
    """Return the names to which a slow look is due, the slowest first; none if it was quick."""
    total = sum(seconds.values())
    if total <= SLOW_CHECK_S:
        return {}
    slowest = sorted(seconds.items(), key=lambda item: -item[1])
    return {name: took for name, took in slowest if took >= _SHARE * total} or dict(slowest[:1])
