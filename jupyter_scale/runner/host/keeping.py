"""Which of a cell's new values stay on the cluster because the user asked for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jupyter_scale.errors import CannotTravel
from jupyter_scale.model.run import format_bytes
from jupyter_scale.runner.pseudo import VALUE
from jupyter_scale.shipping.fingerprint import DigestCache
from jupyter_scale.shipping.kept import Kept, can_stay, measure
from jupyter_scale.shipping.replica import Replica
from jupyter_scale.shipping.snapshot import Snapshot


def keep_named(
    names: Iterable[str], new: Mapping[str, Any], replica: Replica, kept: Kept
) -> list[str]:
    """Keep the new values of these names; return what the user should know.

    Parameters
    ----------
    new
        ``name → value`` for every name that the cell has bound.
    """
    notes = []
    for name in dict.fromkeys(names):
        if name not in new:
            notes.append(f"--keep {name}: the cell did not bind it")
            continue
        value = new[name]
        if replica.table.find(value) is not None:
            notes.append(f"'{name}' came home: it is an object of the notebook's own")
            continue
        if kept.key_of(value) is not None:
            continue
        nbytes = measure(value, replica.namespace)
        if not can_stay(value, nbytes):
            kind = type(value).__name__
            notes.append(f"'{name}' came home: a value of type {kind} can do without staying")
            continue
        kept.keep(name, value, "--keep", nbytes=nbytes, can_travel=nbytes is not None)
    return notes


def keep_large(
    limit: int,
    new: Mapping[str, Any],
    snapshots: Mapping[str, Snapshot],
    replica: Replica,
    kept: Kept,
    cache: DigestCache,
    result_name: str,
) -> dict[str, Snapshot]:
    """Keep new values whose snapshots are larger than `limit`; return snapshots to use instead.

    The smallest first: what holds one of them is small without it.
    """
    again: dict[str, Snapshot] = {}
    large = sorted((s.nbytes, name) for name, s in snapshots.items() if s.nbytes > limit)
    for _, name in large:
        value = snapshots[name].root
        if name not in new or replica.table.find(value) is not None:
            continue
        snapshot = _look(replica, name, value, cache)
        if snapshot is not None and snapshot.nbytes > limit and can_stay(value, snapshot.nbytes):
            shown = result_name if name == VALUE else name
            why = f"larger than --keep-above {format_bytes(limit)}"
            kept.keep(shown, value, why, nbytes=snapshot.nbytes)
    for _, name in large:
        snapshot = _look(replica, name, snapshots[name].root, cache)
        if snapshot is not None:
            again[name] = snapshot
    return again


def _look(replica: Replica, name: str, value: Any, cache: DigestCache) -> Snapshot | None:
    try:
        return replica.look_at(name, value, cache)
    except CannotTravel:
        return None  # it pickled a moment ago; packing says what is wrong
