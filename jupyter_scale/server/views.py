"""Views: what a panel is shown, made of states and facts. Pure.

Laws:

1. Applying the delta between two worlds to the first gives the second (`apply`, `difference`).
2. Two worlds that look the same have no delta.
3. Of a cluster of which only nodes changed, only these nodes are in the delta.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path, PurePath
from typing import Any, TypeVar

from jupyter_scale.clusters.costs import meter_now
from jupyter_scale.clusters.sshcommand import ssh_command
from jupyter_scale.model.account import Account, Traffic
from jupyter_scale.model.cluster import ClusterState, NodeState
from jupyter_scale.model.facts import LoopFact, RunFact
from jupyter_scale.model.feed import (
    FEED_VERSION,
    ClusterView,
    CostView,
    Delta,
    LoopsChange,
    LoopView,
    NodesChange,
    NodeView,
    RunView,
    Snapshot,
    StepView,
)
from jupyter_scale.model.log import LogLine, bounded
from jupyter_scale.model.run import Loop, Run

MOST_RUNS = 200
MOST_STEPS = 50


@dataclass(frozen=True, slots=True)
class World:
    """All that is shown at a moment."""

    clusters: tuple[ClusterView, ...] = ()
    runs: tuple[RunView, ...] = ()
    profiles: tuple[str, ...] = ()
    log: tuple[LogLine, ...] = ()


def view_cluster(
    state: ClusterState, steps: Iterable[StepView], idle_since: float | None
) -> ClusterView:
    """Return the view of one cluster; of its load nothing is known."""
    return ClusterView(
        id=state.id,
        name=state.name,
        provider=state.profile.provider,
        owner=state.ownership.value,
        status=state.status.value,
        error=state.error,
        started_at=state.started_at,
        idle_since=idle_since,
        idle_timeout_s=state.profile.idle_timeout_s,
        orphan_after_s=state.profile.orphan_after_s,
        cost=_view_cost(state),
        steps=tuple(steps),
        nodes=tuple(_view_node(node, state) for node in state.nodes),
    )


def shown_idle(
    state: ClusterState, since: float | None, at: float, *, is_attended: bool
) -> float | None:
    """Return since when a cluster is idle, as pages are told; if none is seen, of a long rest only.

    Parameters
    ----------
    since : float, optional
        When the rest began.
    at : float
        Now.
    """
    limit_s = state.profile.idle_timeout_s
    if since is None or is_attended or (limit_s is not None and at - since >= limit_s / 2):
        return since
    return None


def _view_cost(state: ClusterState) -> CostView | None:
    meter = meter_now(state)
    if meter is None:
        return None
    ends_at = None if meter.ends_at is None else round(meter.ends_at)
    return CostView(meter.usd, meter.at, meter.usd_per_h, meter.max_usd, ends_at)


def _view_node(node: NodeState, state: ClusterState) -> NodeView:
    return NodeView(
        name=node.name,
        pool=node.pool,
        status=node.status.value,
        error=node.error,
        workers=node.joined,
        workers_wanted=node.workers,
        cpu_percent=None,
        memory_used_bytes=None,
        memory_limit_bytes=None,
        gpus=(),
        ssh=ssh_command(node, state.profile, Path(state.directory)),
    )


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


def view_run(
    fact: RunFact, cluster: str, root: str, traffic: Traffic | None = None, *, is_lost: bool
) -> RunView:
    """Return the view of one run.

    Parameters
    ----------
    root : str
        The server's directory: notebooks below it are shown by their relative path.
    traffic : Traffic or None
        What its kernel has told.
    is_lost : bool
        Whether its cluster is gone, so that a run that had not ended never will.
    """
    if is_lost and fact.ended_at is None:
        fact = fact.as_lost()
    loops = tuple(_view_loop(loop) for loop in fact.loops)
    shown = {**_shared(fact, Run), "notebook": relative(fact.notebook, root)}
    return RunView(**shown, cluster=cluster, loops=loops, inputs=fact.inputs, traffic=traffic)


def view_account(account: Account, root: str) -> RunView:
    """Return the view of a run that ended in the notebook's own kernel."""
    shown = {**_shared(account.run, Run), "notebook": relative(account.run.notebook, root)}
    return RunView(**shown, cluster="", loops=(), traffic=account.traffic)


def _view_loop(loop: LoopFact) -> LoopView:
    return LoopView(
        **_shared(loop, Loop),
        queued=0 if loop.is_over else max(0, loop.total - loop.done - loop.running),
        ends_at=None if loop.ends_at is None else round(loop.ends_at, 1),
    )


def _shared(fact: Run | Loop, kind: type[Run | Loop]) -> dict[str, Any]:
    """Return what a fact and its view both tell."""
    return {field.name: getattr(fact, field.name) for field in fields(kind)}


def relative(notebook: str, root: str) -> str:
    """Return the path of a notebook as pages know it: relative, below the server's directory."""
    path = PurePath(notebook)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else notebook


def newest_runs(runs: Iterable[RunView]) -> tuple[RunView, ...]:
    """Return the newest runs in the order of their start; of those that ended only so many."""
    ordered = sorted(runs, key=lambda run: (run.started_at, run.id))
    ended = [run.id for run in ordered if run.status not in ("running", "queued")]
    dropped = set(ended[: max(0, len(ended) - MOST_RUNS)])
    return tuple(run for run in ordered if run.id not in dropped)


def snapshot(world: World, seq: int, sent_at: float) -> Snapshot:
    """Return a world as the first frame of a connection."""
    return Snapshot(
        "snapshot",
        FEED_VERSION,
        seq,
        sent_at,
        world.clusters,
        world.runs,
        world.profiles,
        world.log,
    )


def difference(before: World, now: World, seq: int, sent_at: float) -> Delta | None:
    """Return what changed between two worlds, None when nothing did."""
    if before == now:
        return None
    clusters, gone_clusters = _changes(before.clusters, now.clusters)
    clusters, nodes = _nodes_changed(before.clusters, clusters)
    runs, gone_runs = _changes(before.runs, now.runs)
    runs, loops = _loops_changed(before.runs, runs)
    profiles = None if before.profiles == now.profiles else now.profiles
    gone = gone_clusters, gone_runs
    log = _new_lines(before.log, now.log)
    return Delta("delta", seq, sent_at, clusters, runs, *gone, profiles, nodes, loops, log)


def _new_lines(before: tuple[LogLine, ...], now: tuple[LogLine, ...]) -> tuple[LogLine, ...]:
    last = before[-1].number if before else 0
    return tuple(line for line in now if line.number > last)


def apply(world: World, delta: Delta) -> World:
    """Return the world after a delta, as a panel has it; the order is by start."""
    renewed = {change.cluster: change.nodes for change in delta.nodes}
    clusters = tuple(_renewed(view, renewed.get(view.id, ())) for view in world.clusters)
    loops = {change.run: change.loops for change in delta.loops}
    runs = tuple(replace(view, loops=loops.get(view.id, view.loops)) for view in world.runs)
    return World(
        _applied(clusters, delta.clusters, delta.gone_clusters),
        _applied(runs, delta.runs, delta.gone_runs),
        world.profiles if delta.profiles is None else delta.profiles,
        bounded((*world.log, *delta.log)),
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


def _nodes_changed(
    before: tuple[ClusterView, ...], changed: tuple[ClusterView, ...]
) -> tuple[tuple[ClusterView, ...], tuple[NodesChange, ...]]:
    """Return the views that are another as a whole, and what changed in those of the others."""
    old = {view.id: view for view in before}
    whole, parts = [], []
    for view in changed:
        was = old.get(view.id)
        known = {} if was is None else {node.name: node for node in was.nodes}
        is_part = (
            was is not None
            and replace(was, nodes=()) == replace(view, nodes=())
            and list(known) == [node.name for node in view.nodes]
        )
        if is_part:
            news = tuple(node for node in view.nodes if node != known[node.name])
            parts.append(NodesChange(view.id, news))
        else:
            whole.append(view)
    return tuple(whole), tuple(parts)


def _loops_changed(
    before: tuple[RunView, ...], changed: tuple[RunView, ...]
) -> tuple[tuple[RunView, ...], tuple[LoopsChange, ...]]:
    """Return the views that are another as a whole, and the loops of the others."""
    old = {view.id: view for view in before}
    whole, parts = [], []
    for view in changed:
        was = old.get(view.id)
        if was is not None and replace(was, loops=view.loops) == view:
            parts.append(LoopsChange(view.id, view.loops))
        else:
            whole.append(view)
    return tuple(whole), tuple(parts)


def _renewed(view: ClusterView, changed: tuple[NodeView, ...]) -> ClusterView:
    if not changed:
        return view
    news = {node.name: node for node in changed}
    return replace(view, nodes=tuple(news.get(node.name, node) for node in view.nodes))


def _applied(
    views: tuple[_View, ...], changed: tuple[_View, ...], gone: tuple[str, ...]
) -> tuple[_View, ...]:
    known = {view.id: view for view in views}
    known.update({view.id: view for view in changed})
    return ordered(view for view in known.values() if view.id not in gone)
