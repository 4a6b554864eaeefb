"""The log book: what happened, taken from steps as they are told, and from how the world changes.

Laws:

1. Lines are numbered without gaps, and only so many are kept (`bounded`); what nodes complain of
   pushes out nothing else.
2. What already was when the book was opened, or a cluster first seen, is no news.
3. A line is as short as a line: values of the user's and the texts of tracebacks are not in it,
   but for the last line of an error, which the feed tells anyhow.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jupyter_scale.model.cluster import ClusterEvent
from jupyter_scale.model.complaints import Complaint
from jupyter_scale.model.feed import ClusterView, NodeView, RunView
from jupyter_scale.model.log import LogLevel, LogLine, NoticeKind, bounded
from jupyter_scale.server.views import World

COST_SHARES = (0.95, 0.8)
_LONGEST = 240
_LAST_CALL_S = 300.0
_SAME_MEMORY_S = 600.0
_MOST_HEARD = 1000
_SILENT_STEPS = frozenset({"cost"})  # `_costs` says more


@dataclass(frozen=True, slots=True)
class News:
    """A line that has no number yet, and is not of any moment."""

    text: str
    level: LogLevel = "info"
    node: str = ""
    run: str = ""
    notice: NoticeKind | None = None
    matter: str = ""
    source: str = ""


class LogBook:
    """All lines, by whoever guards it: it has no lock.

    Parameters
    ----------
    opened_at : float
        Unix time; runs that ended before are no news.
    """

    def __init__(self, opened_at: float) -> None:
        self._opened_at = opened_at
        self._lines: tuple[LogLine, ...] = ()
        self._number = 0
        self._last_calls: dict[tuple[str, str], float] = {}
        self._shares: dict[str, float] = {}
        self._heard: dict[str, None] = {}
        self._memory: dict[tuple[str, str], tuple[float, float]] = {}

    @property
    def lines(self) -> tuple[LogLine, ...]:
        """What is kept, the oldest first."""
        return self._lines

    def take_event(self, event: ClusterEvent, name: str, at: float, *, is_up: bool) -> None:
        """Note what a cluster tells of itself.

        Parameters
        ----------
        name : str
            The cluster's.
        is_up : bool
            Whether it had come up before: then news of its machines are of trouble.
        """
        if event.step not in _SILENT_STEPS:
            self._note(event.cluster, name, at, [_news_of(event, at, is_up=is_up)])

    def take_complaint(self, cluster: str, name: str, told: Complaint, at: float) -> None:
        """Note what a process of a node complains of, if it was not heard before.

        Parameters
        ----------
        cluster, name : str
            Its id and name.
        """
        if told.id in self._heard:
            return
        self._heard[told.id] = None
        while len(self._heard) > _MOST_HEARD:
            del self._heard[next(iter(self._heard))]
        self._note(cluster, name, at, [self._complaint(cluster, told, at)])

    def follow(self, before: World, now: World, at: float) -> None:
        """Note what has changed from one world to the next."""
        known = {view.id: view for view in before.clusters}
        for view in now.clusters:
            was = known.get(view.id)
            if was is not view:
                self._note(view.id, view.name, at, changes(was, view, at))
            self._note(view.id, view.name, at, self._costs(view, at))
            self._note(view.id, view.name, at, self._endings(view, at))
        names = {view.id: view.name for view in now.clusters}
        ran = {run.id: run for run in before.runs}
        for run in now.runs:
            if run is not ran.get(run.id) and (run.ended_at or at) >= self._opened_at:
                name = names.get(run.cluster, "")
                self._note(run.cluster, name, at, troubles(ran.get(run.id), run))
        for gone in self._shares.keys() - names.keys():
            del self._shares[gone]
            for told in (self._last_calls, self._memory):
                for key in [key for key in told if key[0] == gone]:
                    del told[key]

    def _costs(self, view: ClusterView, at: float) -> Iterable[News]:
        """Tell once for each share of what a cluster may cost that it has used."""
        share = spent_share(view, at)
        reached = next((each for each in COST_SHARES if share >= each), 0.0)
        told, self._shares[view.id] = self._shares.get(view.id, 0.0), reached
        if reached > told and view.cost is not None:
            most = view.cost.max_usd or 0.0
            text = f"{reached:.0%} of the {most:.2f} USD are spent that it may cost"
            matter = f"cost {view.id} {most} {reached}"
            yield News(text, "warning", notice="cost", matter=matter)

    def _endings(self, view: ClusterView, at: float) -> Iterable[News]:
        """Tell once, some minutes before, that a cluster will stop, and why."""
        if view.status != "running":
            return
        for why, ends_at, early_s in endings(view):
            told = self._last_calls.get((view.id, why), float("-inf"))
            if ends_at - at <= early_s < abs(ends_at - told):
                self._last_calls[view.id, why] = ends_at
                matter = f"ending {view.id} {round(ends_at)}"
                text = f"{why}: it stops in {_span(ends_at - at)}"
                yield News(text, "warning", notice="ending", matter=matter)

    def _complaint(self, cluster: str, told: Complaint, at: float) -> News:
        who = f"worker {told.worker.rpartition('/')[2]}: " if told.worker else ""
        times = f" ({told.count} times)" if told.count > 1 else ""
        text = f"{who}{_short(told.text)}{times}"
        if told.trouble != "memory":
            return News(text, told.level, told.node, source=told.source)
        # A loop that needs more memory than there is ends worker after worker: that is one matter.
        first, last = self._memory.get((cluster, told.node), (at, at))
        if at - last > _SAME_MEMORY_S:
            first = at
        self._memory[cluster, told.node] = first, at
        matter = f"memory {cluster} {told.node} {round(first)}"
        return News(text, told.level, told.node, "", "memory", matter, told.source)

    def _note(self, cluster: str, name: str, at: float, news: Iterable[News]) -> None:
        lines = []
        for each in news:
            self._number += 1
            where = (cluster, name, each.node, each.run)
            text = _short(each.text)
            lines.append(
                LogLine(
                    self._number,
                    at,
                    each.level,
                    *where,
                    text,
                    each.notice,
                    each.matter,
                    each.source,
                )
            )
        if lines:
            self._lines = bounded((*self._lines, *lines))


def spent_share(view: ClusterView, at: float) -> float:
    """Return which part of what it may cost is spent; 0 without a limit, or when unknown."""
    cost = view.cost
    if cost is None or cost.usd is None or cost.usd_per_h is None or not cost.max_usd:
        return 0.0
    return (cost.usd + max(0.0, at - cost.at) / 3600 * cost.usd_per_h) / cost.max_usd


def endings(view: ClusterView) -> Iterable[tuple[str, float, float]]:
    """Yield why and when a cluster will stop if nothing changes, and how early that is told."""
    if view.idle_since is not None and view.idle_timeout_s:
        ends_at = view.idle_since + view.idle_timeout_s
        yield "nothing runs", ends_at, min(_LAST_CALL_S, view.idle_timeout_s / 4)
    if view.cost is not None and view.cost.ends_at is not None:
        early_s = min(_LAST_CALL_S, max(0.0, view.cost.ends_at - view.started_at) / 4)
        yield "it will have cost what it may", view.cost.ends_at, early_s


def changes(was: ClusterView | None, now: ClusterView, at: float) -> Iterable[News]:
    """Yield what happened to a cluster; what its server tells as steps is left out."""
    if was is None:
        if now.owner == "kernel" and now.status != "failed":
            yield News(f"is there, and ends with its notebook's kernel: {now.status}")
        return
    if now.owner == "kernel" and now.status != was.status:
        yield _ended(now.id, now.error, at) if now.status == "failed" else News(now.status)
    if was.status == now.status == "running":
        yield from _limits(was, now)
        yield from _sizes(was, now)
    if now.status in ("starting", "running"):
        yield from _nodes(was, now, at)


def troubles(was: RunView | None, now: RunView) -> Iterable[News]:
    """Yield how a run ended, if it did not end well."""
    if was is not None and was.status == now.status:
        return
    what = f"[{now.execution_count}] {now.first_line}"
    if now.status == "failed":
        yield News(f"{what}: {_last_line(now.error)}", "error", run=now.id)
    elif now.status == "lost":
        yield News(f"{what}: lost, its runner is gone", "error", run=now.id)
    elif now.status == "interrupted":
        yield News(f"{what}: interrupted", run=now.id)


def _news_of(event: ClusterEvent, at: float, *, is_up: bool) -> News:
    node = event.step.removeprefix("node ") if event.step.startswith("node ") else ""
    if event.step == "failed":
        return _ended(event.cluster, event.message, at)
    text = event.message.removeprefix(f"{node}: ")
    return News(text, "warning" if node and is_up else "info", node=node)


def _ended(cluster: str, error: str, at: float) -> News:
    kind: NoticeKind = "host-key" if _is_about_key(error) else "cluster-failed"
    matter = f"{kind} {cluster} {round(at)}"
    return News(_first_line(error), "error", notice=kind, matter=matter)


def _limits(was: ClusterView, now: ClusterView) -> Iterable[News]:
    if was.idle_timeout_s != now.idle_timeout_s:
        limit = now.idle_timeout_s
        after = "never" if limit is None else f"after {_span(limit)}"
        yield News(f"stops {after} without work from now on")
    if was.cost and now.cost and was.cost.max_usd != now.cost.max_usd:
        most = now.cost.max_usd
        yield News("may cost any amount now" if most is None else f"may cost {most:.2f} USD now")


def _sizes(was: ClusterView, now: ClusterView) -> Iterable[News]:
    before, wanted = (sum(n.workers_wanted for n in view.nodes) for view in (was, now))
    had, has = ({node.name for node in view.nodes} for view in (was, now))
    if before != wanted and (had != has or _are_known(was.nodes)):
        yield News(f"shall have {wanted} worker{'s' * (wanted != 1)}, had {before}")
    yield from (News("is new", node=name) for name in sorted(has - had))
    yield from (News("is no part of it any more", node=name) for name in sorted(had - has))


def _are_known(nodes: Iterable[NodeView]) -> bool:
    """Tell whether all machines have said how many cores they have."""
    return all(node.workers_wanted for node in nodes)


def _nodes(was: ClusterView, now: ClusterView, at: float) -> Iterable[News]:
    known = {node.name: node for node in was.nodes}
    for node in now.nodes:
        before = known.get(node.name)
        if before is not None and before is not node:
            yield from _node(now.id, before, node, at)


def _node(cluster: str, was: NodeView, now: NodeView, at: float) -> Iterable[News]:
    if was.status != "failed" and now.status == "failed":
        kind: NoticeKind | None = "node-lost" if was.status == "running" else None
        kind = "host-key" if _is_about_key(now.error) else kind
        matter = f"{kind} {cluster} {now.name} {round(at)}" if kind else ""
        text = f"{'lost' if was.status == 'running' else 'did not start'}: {_first_line(now.error)}"
        yield News(text, "error", now.name, notice=kind, matter=matter)
    elif was.status == "failed" and now.status != "failed":
        again = "is back" if now.status == "running" else "is tried again"
        yield News(again, node=now.name)
    elif was.status == now.status == "running" and was.workers != now.workers:
        if now.workers < min(was.workers, now.workers_wanted):
            text = f"a worker has ended: {now.workers} of {now.workers_wanted} are there"
            yield News(text, "warning", now.name)
        elif was.workers < now.workers:
            yield News(f"workers {now.workers}/{now.workers_wanted}", node=now.name)


def _span(seconds: float) -> str:
    """Return a time roughly: it is a limit of the user's, or about to be over."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.2g} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _is_about_key(error: str) -> bool:
    """Tell whether an error is that of a host's key: no other names a fingerprint."""
    return "SHA256:" in error


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _last_line(text: str) -> str:
    return _first_line("\n".join(reversed(text.splitlines())))


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST else f"{flat[: _LONGEST - 1]}…"
