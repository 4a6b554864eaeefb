"""``%%scale --explain``: the plan of a cell, from the same looks and packing as its run. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jupyter_scale.analysis.cell import CellFacts
from jupyter_scale.analysis.loops import Loop
from jupyter_scale.errors import CannotTravel, ValueLost
from jupyter_scale.model.explanation import Explanation, LoopPlan, NamePlan, Obstacle, Possession
from jupyter_scale.model.run import format_bytes
from jupyter_scale.session.look import Look, look_around
from jupyter_scale.session.plan import CellOptions
from jupyter_scale.shipping.remote import RemoteValue, Strangers
from jupyter_scale.shipping.replica import Replica
from jupyter_scale.shipping.snapshot import Snapshot

_ADVICE_HERE = "make it inside the function or cell that uses it, or take '%%scale' off"
_ADVICE_LOST = "run the cell that makes it again"


def explain(
    facts: CellFacts,
    options: CellOptions,
    replica: Replica,
    look: Look,
    where: str,
    verdicts: Mapping[int, str],
) -> Explanation:
    """Return what a run would do now.

    Parameters
    ----------
    replica
        The notebook's side: what it believes that the cluster holds.
    look
        What the cell reads, with failures collected.
    where
        Which cluster it would run on, as a sentence.
    verdicts
        ``line → why`` its loops ran in order the last time that this cell ran.
    """
    changed = replica.changed(look.snapshots)
    obstacles = [_obstacle(failure) for failure in look.failures]
    here = _why_here(facts, look.failures, options)
    return Explanation(
        where=here or where,
        is_here=bool(here),
        sends=0 if here else _parcel_bytes(replica, look.snapshots, changed),
        names=tuple(
            _name_plan(name, snapshot, look, replica, changed, is_here=bool(here))
            for name, snapshot in look.snapshots.items()
        ),
        obstacles=tuple(obstacles),
        binds=tuple(sorted(facts.binds)),
        mutates=tuple(sorted(facts.mutates & set(look.snapshots))),
        deletes=tuple(sorted(facts.deletes)),
        stays=options.keep,
        loops=tuple(
            _loop_plan(loop, options, verdicts, is_here=bool(here)) for loop in facts.loops
        ),
        notices=tuple(_notices(facts, options, look.snapshots)),
    )


def explain_first(
    namespace: dict[str, Any],
    hidden: Mapping[str, Any],
    facts: CellFacts,
    options: CellOptions,
    where: str,
) -> Explanation:
    """Tell what a cell would do that is the first one of a session."""
    replica = Replica(namespace, is_notebook=True)
    replica.table.staying = Strangers()
    look = look_around(facts, replica, hidden, lambda _snapshot: (), collect=True)
    return explain(facts, options, replica, look, where, {})


def _why_here(
    facts: CellFacts, failures: Iterable[CannotTravel | ValueLost], options: CellOptions
) -> str:
    """Say why the cell would not run on the cluster; empty if it would."""
    for failure in failures:
        if isinstance(failure, ValueLost):
            return f"nowhere: {failure}"
    why = facts.here_only or next((str(failure) for failure in failures), None)
    if why is None:
        return ""
    return f"nowhere, because of --strict: {why}" if options.strict else f"here: {why}"


def _parcel_bytes(
    replica: Replica, snapshots: Mapping[str, Snapshot], changed: Mapping[str, Snapshot]
) -> int:
    deletes = replica.outdated(snapshots)
    if not changed and not deletes:
        return 0
    return replica.pack(changed, deletes).parcel.nbytes


def _name_plan(
    name: str,
    snapshot: Snapshot,
    look: Look,
    replica: Replica,
    changed: Mapping[str, Snapshot],
    *,
    is_here: bool,
) -> NamePlan:
    value, nbytes = snapshot.root, snapshot.nbytes
    if name not in changed:
        has = Possession.SAME
    else:
        record = replica.records.get(name)
        is_known = record is not None and record.root is value
        has = Possession.CHANGED if is_known else Possession.NEW
    sends = 0
    if name in changed and not is_here:
        sends = replica.pack({name: snapshot}).parcel.nbytes
    if isinstance(value, RemoteValue):
        has = Possession.STAYS if name not in changed else has
        return NamePlan(name, value.type_name, look.chain(name), has, value.nbytes, sends)
    return NamePlan(name, type(value).__name__, look.chain(name), has, nbytes, sends)


def _obstacle(failure: CannotTravel | ValueLost) -> Obstacle:
    if isinstance(failure, ValueLost):
        return Obstacle(failure.name, failure.why, (failure.name,), _ADVICE_LOST)
    what = f"{failure.path} ({failure.type_name})"
    return Obstacle(what, failure.reason, (*failure.chain, failure.name), _ADVICE_HERE)


def _loop_plan(
    loop: Loop, options: CellOptions, verdicts: Mapping[int, str], *, is_here: bool
) -> LoopPlan:
    why, spreads = loop.why, loop.spreads
    if spreads and (options.serial or is_here):
        spreads, why = False, "--serial" if options.serial else "the cell would not run there"
    last_time = verdicts.get(loop.line, "") if loop.spreads else ""
    return LoopPlan(loop.line, loop.kind, spreads, why, last_time)


def _notices(
    facts: CellFacts, options: CellOptions, snapshots: Mapping[str, Snapshot]
) -> Iterable[str]:
    if facts.reads_all is not None:
        yield f"reads every name: {facts.reads_all}"
    for snapshot in snapshots.values():
        if snapshot.dynamic_reads is not None:
            yield f"reads every name: {snapshot.dynamic_reads}"
    if facts.binds_unknown is not None:
        yield f"may bind any name: {facts.binds_unknown}"
    if facts.is_async:
        yield "awaits at its top level"
    if options.keep_above is not None:
        yield f"results above {format_bytes(options.keep_above)} stay on the cluster"


def loop_verdicts(loops: Iterable[Mapping[str, Any]]) -> dict[int, str]:
    """Return ``line → what became of the loop`` from a run's reports."""
    return {
        loop["line"]: f"in order: {loop['why']}"
        if loop["why"]
        else f"{loop['spread']} of {loop['iterations']} iterations spread"
        for loop in loops
    }
