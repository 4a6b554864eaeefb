"""What a runner holds of a notebook, and whether that is still as it is here. Pure.

To compare a value costs hashing it. Whoever looks says how long that may take: small values are
compared first, and what does not fit is left for the next cell that reads it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from jupyter_scale.errors import CannotTravel, ValueLost
from jupyter_scale.model.holdings import Holding, HoldingState
from jupyter_scale.model.remote import RemoteFacts
from jupyter_scale.runner.pseudo import is_pseudo
from jupyter_scale.shipping.ambient.places import is_place
from jupyter_scale.shipping.fingerprint import DigestCache
from jupyter_scale.shipping.kept import describe, type_name_of
from jupyter_scale.shipping.remote import RemoteValue, facts_of, form_of
from jupyter_scale.shipping.replica import Record, Replica
from jupyter_scale.shipping.states import adapter_for

#: Guesses for what was never compared: memory in one piece, and objects.
_MEMORY_BYTES_PER_S, _OBJECTS_BYTES_PER_S = 1e9, 50e6
_MISSING = object()


def list_holdings(
    replica: Replica,
    remotes: Mapping[RemoteValue, bool],
    costs_s: Mapping[str, float],
    budget_s: float,
    node: str,
) -> list[Holding]:
    """Return what a runner holds, by name.

    Parameters
    ----------
    remotes
        ``stand-in → whether its value was fetched`` of all values that stay there.
    costs_s
        ``name → seconds`` that comparing it took the last time.
    budget_s
        So long comparing may take in all.
    node
        Where the runner is.
    """
    found = [
        row
        for remote, is_fetched in remotes.items()
        for row in _staying(remote, replica.namespace, node)
        if row.is_named or not is_fetched  # some traceback may keep the stand-in
    ]
    staying = {row.name for row in found if row.is_named}
    records = {
        name: record
        for name, record in replica.records.items()
        if name not in staying and not is_place(name) and not is_pseudo(name)
    }
    states = _compare(replica, records, costs_s, budget_s)
    found += [
        _copy(name, record, replica.namespace.get(name, _MISSING), states[name], node)
        for name, record in records.items()
        if type(record.root) is not RemoteValue
    ]
    return sorted(found, key=lambda row: row.name)


def _staying(remote: RemoteValue, namespace: Mapping[str, Any], node: str) -> Iterator[Holding]:
    """Yield a value that stays there, under each name that the notebook has for it."""
    facts = facts_of(remote)
    names = [n for n, value in namespace.items() if value is remote and not n.startswith("_")]
    for name in names or [facts.name]:
        yield Holding(
            name,
            facts.type_name,
            form_of(facts),
            facts.nbytes,
            "stays",
            node,
            facts.why,
            can_travel=facts.can_travel,
            is_named=bool(names),
        )


def _copy(name: str, record: Record, value: Any, state: HoldingState, node: str) -> Holding:
    """Return the row of a copy of what the notebook has itself."""
    facts = RemoteFacts("", name, "", "", nbytes=record.nbytes or None)
    if value is not _MISSING:
        facts = describe(value, replace(facts, type_name=type_name_of(value)))
    return Holding(
        name,
        facts.type_name,
        form_of(facts),
        facts.nbytes,
        state,
        node,
        why="",
        can_travel=False,
        is_named=True,
    )


def _compare(
    replica: Replica, records: Mapping[str, Record], costs_s: Mapping[str, float], budget_s: float
) -> dict[str, HoldingState]:
    """Return how each copy compares with what the notebook has, the cheapest first."""
    states: dict[str, HoldingState] = {}
    costs = {
        name: costs_s[name] if name in costs_s else _guess_s(record)
        for name, record in records.items()
    }
    cache, ends = DigestCache(), time.perf_counter() + budget_s
    for name in sorted(records, key=costs.__getitem__):
        record, value = records[name], replica.namespace.get(name, _MISSING)
        if value is _MISSING:
            states[name] = "gone"
        elif value is not record.root or record.digest is None:
            states[name] = "changed"
        elif time.perf_counter() + costs[name] > ends:
            states[name] = "unchecked"
        else:
            states[name] = "same" if _is_same(replica, name, cache) else "changed"
    return states


def _guess_s(record: Record) -> float:
    adapter = adapter_for(record.root)
    is_memory = adapter is not None and adapter.is_leaf
    return record.nbytes / (_MEMORY_BYTES_PER_S if is_memory else _OBJECTS_BYTES_PER_S)


def _is_same(replica: Replica, name: str, cache: DigestCache) -> bool:
    try:
        return not replica.is_changed(name, replica.look([name], cache)[name])
    except (CannotTravel, ValueLost):
        return False
