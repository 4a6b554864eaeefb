"""Views: what a panel is shown, made of states, samples and facts. Pure.

Laws:

1. Applying the delta between two worlds to the first gives the second (`apply`, `difference`).
2. Two worlds that look the same have no delta.
3. A sample that differs by less than a glance would show is the sample before (`settle`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import PurePath
from typing import Any, TypeVar

from jupyter_scale.clusters.costs import meter_now
from jupyter_scale.model.cluster import ClusterState, NodeState
from jupyter_scale.model.facts import LoopFact, RunFact
from jupyter_scale.model.feed import (
    FEED_VERSION,
    ClusterView,
    CostView,
    Delta,
    GpuView,
    LoopView,
    NodeView,
    RunView,
    Snapshot,
    StepView,
)
from jupyter_scale.model.run import Loop, Run
from jupyter_scale.monitor.samples import Sample, WorkerSample

MOST_RUNS = 200
MOST_STEPS = 50
_STEADY_CPU_PERCENT = 5.0
_STEADY_MEMORY = 0.01
_STEADY_GPU_PERCENT = 2.0
_STEADY_C = 1.5
_STEADY_W = 5.0


@dataclass(frozen=True, slots=True)
class World:
    """All that is shown at a moment."""

    clusters: tuple[ClusterView, ...] = ()
    runs: tuple[RunView, ...] = ()
    profiles: tuple[str, ...] = ()


def view_cluster(
    state: ClusterState,
    steps: Iterable[StepView],
    sample: Sample | None,
) -> ClusterView:
    """Return the view of one cluster; without a sample its load is unknown."""
    return ClusterView(
        id=state.id,
        name=state.name,
        provider=state.profile.provider,
        owner=state.ownership.value,
        status=state.status.value,
        error=state.error,
        started_at=state.started_at,
        idle_since=None if sample is None else sample.idle_since,
        idle_timeout_s=state.profile.idle_timeout_s,
        orphan_after_s=state.profile.orphan_after_s,
        cost=_view_cost(state),
        steps=tuple(steps),
        nodes=tuple(_view_node(node, state, sample) for node in state.nodes),
    )


def _view_cost(state: ClusterState) -> CostView | None:
    meter = meter_now(state)
    if meter is None:
        return None
    ends_at = None if meter.ends_at is None else round(meter.ends_at)
    return CostView(meter.usd, meter.at, meter.usd_per_h, meter.max_usd, ends_at)


def _view_node(node: NodeState, state: ClusterState, sample: Sample | None) -> NodeView:
    workers = () if sample is None else _workers_of(node, state, sample)
    is_known = sample is not None
    return NodeView(
        name=node.name,
        pool=node.pool,
        status=node.status.value,
        error=node.error,
        workers=len(workers) if is_known else node.joined,
        workers_wanted=node.workers,
        cpu_percent=round(sum(w.cpu_percent for w in workers), 1) if is_known else None,
        memory_used_bytes=sum(w.memory_used_bytes for w in workers) if is_known else None,
        memory_limit_bytes=sum(w.memory_limit_bytes for w in workers) if is_known else None,
        gpus=() if sample is None else sample.gpus.get(node.name, ()),
    )


def _workers_of(node: NodeState, state: ClusterState, sample: Sample) -> tuple[WorkerSample, ...]:
    """Return a node's workers: all of them, or of several nodes those that begin with its name."""
    if len(state.nodes) == 1:
        return sample.workers
    return tuple(w for w in sample.workers if w.name.rpartition("/")[0] == node.name)


def with_step(steps: Sequence[StepView], new: StepView) -> list[StepView]:
    """Return the steps of a start with one more: a step that goes on is shown once.

    Machines go on side by side, so each has one step, wherever it is in the list. There are as many
    as nodes; of the others the latest are kept.
    """
    for index, old in enumerate(steps):
        is_last = index == len(steps) - 1
        if old.step == new.step and (is_last or _is_of_machine(new)):
            return [*steps[:index], new, *steps[index + 1 :]]
    noted = [*steps, new]
    of_cluster = [step for step in noted if not _is_of_machine(step)]
    return [step for step in noted if step not in of_cluster[:-MOST_STEPS]]


def _is_of_machine(step: StepView) -> bool:
    return step.step.startswith("node ")


def view_run(fact: RunFact, cluster: str, root: str, *, is_lost: bool) -> RunView:
    """Return the view of one run.

    Parameters
    ----------
    root : str
        The server's directory: notebooks below it are shown by their relative path.
    is_lost : bool
        Whether its cluster is gone, so that a run that had not ended never will.
    """
    if is_lost and fact.ended_at is None:
        fact = fact.as_lost()
    loops = tuple(_view_loop(loop) for loop in fact.loops)
    shown = {**_shared(fact, Run), "notebook": _relative(fact.notebook, root)}
    return RunView(**shown, cluster=cluster, loops=loops)


def _view_loop(loop: LoopFact) -> LoopView:
    return LoopView(
        **_shared(loop, Loop),
        queued=max(0, loop.total - loop.done - loop.running),
        ends_at=None if loop.ends_at is None else round(loop.ends_at, 1),
    )


def _shared(fact: Run | Loop, kind: type[Run | Loop]) -> dict[str, Any]:
    """Return what a fact and its view both tell."""
    return {field.name: getattr(fact, field.name) for field in fields(kind)}


def _relative(notebook: str, root: str) -> str:
    path = PurePath(notebook)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else notebook


def newest_runs(runs: Iterable[RunView]) -> tuple[RunView, ...]:
    """Return the newest runs in the order of their start; of those that ended only so many."""
    ordered = sorted(runs, key=lambda run: (run.started_at, run.id))
    ended = [run.id for run in ordered if run.status not in ("running", "queued")]
    dropped = set(ended[: max(0, len(ended) - MOST_RUNS)])
    return tuple(run for run in ordered if run.id not in dropped)


def settle(before: Sample | None, now: Sample) -> Sample:
    """Return `now`, with the numbers of `before` where they hardly differ."""
    if before is None:
        return now
    known = {worker.name: worker for worker in before.workers}
    workers = tuple(_settle_worker(known[w.name], w) if w.name in known else w for w in now.workers)
    known_gpus = {(node, gpu.index): gpu for node, gpus in before.gpus.items() for gpu in gpus}
    gpus = {
        node: tuple(_settle_gpu(known_gpus.get((node, gpu.index), gpu), gpu) for gpu in gpus)
        for node, gpus in now.gpus.items()
    }
    return Sample(workers, now.idle_since, gpus)


def _settle_worker(before: WorkerSample, now: WorkerSample) -> WorkerSample:
    memory, most = now.memory_used_bytes, now.memory_limit_bytes or now.memory_used_bytes
    return replace(
        now,
        cpu_percent=_steady(before.cpu_percent, now.cpu_percent, _STEADY_CPU_PERCENT),
        memory_used_bytes=_steady(before.memory_used_bytes, memory, _STEADY_MEMORY * most),
    )


def _settle_gpu(before: GpuView, now: GpuView) -> GpuView:
    memory, most = now.memory_used_bytes, now.memory_total_bytes or 0
    return replace(
        now,
        utilisation_percent=_steady(
            before.utilisation_percent, now.utilisation_percent, _STEADY_GPU_PERCENT
        ),
        memory_used_bytes=_steady(before.memory_used_bytes, memory, _STEADY_MEMORY * most),
        temperature_c=_steady(before.temperature_c, now.temperature_c, _STEADY_C),
        power_w=_steady(before.power_w, now.power_w, _STEADY_W),
    )


_Number = TypeVar("_Number", bound=float | None)


def _steady(before: _Number, now: _Number, step: float) -> _Number:
    """Return the number before, unless it is unknown or now differs by a step."""
    if before is None or now is None or abs(now - before) >= step:
        return now
    return before


def snapshot(world: World, seq: int, sent_at: float) -> Snapshot:
    """Return a world as the first frame of a connection."""
    return Snapshot(
        "snapshot", FEED_VERSION, seq, sent_at, world.clusters, world.runs, world.profiles
    )


def difference(before: World, now: World, seq: int, sent_at: float) -> Delta | None:
    """Return what changed between two worlds, None when nothing did."""
    if before == now:
        return None
    clusters, gone_clusters = _changes(before.clusters, now.clusters)
    runs, gone_runs = _changes(before.runs, now.runs)
    profiles = None if before.profiles == now.profiles else now.profiles
    return Delta("delta", seq, sent_at, clusters, runs, gone_clusters, gone_runs, profiles)


def apply(world: World, delta: Delta) -> World:
    """Return the world after a delta, as a panel has it; the order is by start."""
    return World(
        _applied(world.clusters, delta.clusters, delta.gone_clusters),
        _applied(world.runs, delta.runs, delta.gone_runs),
        world.profiles if delta.profiles is None else delta.profiles,
    )


_View = TypeVar("_View", ClusterView, RunView)


def ordered(views: Iterable[_View]) -> tuple[_View, ...]:
    """Return views in the order in which they are shown."""
    return tuple(sorted(views, key=lambda view: (view.started_at, view.id)))


def _changes(
    before: tuple[_View, ...], now: tuple[_View, ...]
) -> tuple[tuple[_View, ...], tuple[str, ...]]:
    old: Mapping[str, _View] = {view.id: view for view in before}
    ids = {view.id for view in now}
    changed = tuple(view for view in now if old.get(view.id) != view)
    return changed, tuple(view.id for view in before if view.id not in ids)


def _applied(
    views: tuple[_View, ...], changed: tuple[_View, ...], gone: tuple[str, ...]
) -> tuple[_View, ...]:
    known = {view.id: view for view in views}
    known.update({view.id: view for view in changed})
    return ordered(view for view in known.values() if view.id not in gone)
