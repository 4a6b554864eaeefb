"""Loads: what pages are told of the load of nodes, and when. Pure.

Laws:

1. A sample that differs by less than a glance would show is the sample before (`settle`).
2. Of a node that is on a page's screen the page is told with every sample that changed it; of all
   others every `SUMMARY_S`, if they changed, with their GPUs summed up.
3. A node that a whole sample does not have any more is told once more, as unknown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import astuple, replace
from typing import TypeVar

from jupyter_scale.model.feed import ClusterView, GpuRow, GpuSum, GpuView, LoadRow, NodeView
from jupyter_scale.monitor.machine import Traffic
from jupyter_scale.monitor.samples import NodeSample, Sample

SUMMARY_S = 5.0
_STEADY_CPU_PERCENT = 5.0
_STEADY_MEMORY = 0.01
_STEADY_GPU_PERCENT = 2.0
_STEADY_C = 1.5
_STEADY_W = 5.0
_STEADY_TRAFFIC = 0.05
_FAINT_BYTES_PER_S = 2000.0


class LoadBoard:
    """The newest load of all nodes, and which of it has not been told to everybody."""

    def __init__(self) -> None:
        self._loads: dict[str, dict[str, NodeSample]] = {}
        self._news: dict[str, set[str]] = {}
        self._summed_at_s: dict[str, float] = {}

    def clusters(self) -> tuple[str, ...]:
        """Return the clusters of which something is known."""
        return tuple(self._loads)

    def take(self, cluster: str, sample: Sample) -> frozenset[str]:
        """Take a sample, and return the nodes whose load is another now."""
        known = self._loads.setdefault(cluster, {})
        changed = set()
        for name, load in sample.nodes.items():
            settled = settle(known.get(name), load)
            if settled != known.get(name):
                known[name] = settled
                changed.add(name)
        if sample.is_whole:
            for name in known.keys() - sample.nodes.keys():
                del known[name]
                changed.add(name)
        self._news.setdefault(cluster, set()).update(changed)
        return frozenset(changed)

    def take_news(self, cluster: str, now_s: float) -> frozenset[str]:
        """Return the nodes that all pages have to be told of; none before it is time again."""
        if now_s - self._summed_at_s.get(cluster, -SUMMARY_S) < SUMMARY_S:
            return frozenset()
        news = frozenset(self._news.pop(cluster, ()))
        if news:
            self._summed_at_s[cluster] = now_s
        return news

    def keep(self, clusters: Collection[str]) -> None:
        """Forget all other clusters."""
        for gone in self._loads.keys() - set(clusters):
            for known in (self._loads, self._news, self._summed_at_s):
                known.pop(gone, None)

    def rows(
        self, cluster: str, nodes: Iterable[str] | None = None, *, in_full: bool
    ) -> tuple[LoadRow, ...]:
        """Return the rows of some nodes, by default of all, with each GPU or their sum."""
        known = self._loads.get(cluster, {})
        names = known if nodes is None else nodes
        return tuple(row_of(name, known.get(name), in_full=in_full) for name in names)


def row_of(name: str, load: NodeSample | None, *, in_full: bool) -> LoadRow:
    """Return what is told of a node's load."""
    if load is None:
        unknown = (None, None, None, None)
        return LoadRow(name, None, *unknown, *unknown, None, () if in_full else None)
    network_in, network_out, disk_read, disk_write = map(_whole, load.traffic)
    return LoadRow(
        name,
        load.workers,
        load.busy,
        round(load.cpu_percent, 1),
        load.memory_used_bytes,
        load.memory_limit_bytes,
        network_in,
        network_out,
        disk_read,
        disk_write,
        sum_up(load.gpus),
        tuple(GpuRow(*astuple(gpu)) for gpu in load.gpus) if in_full else None,
    )


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)


def sum_up(gpus: Collection[GpuView]) -> GpuSum | None:
    """Return a node's GPUs as one; None when it has none. What none of them knows is None."""
    if not gpus:
        return None
    busy = [gpu.utilisation_percent for gpu in gpus if gpu.utilisation_percent is not None]
    return GpuSum(
        len(gpus),
        round(sum(busy) / len(busy), 1) if busy else None,
        _total(gpu.memory_used_bytes for gpu in gpus),
        _total(gpu.memory_total_bytes for gpu in gpus),
        max((gpu.temperature_c for gpu in gpus if gpu.temperature_c is not None), default=None),
        _total(gpu.power_w for gpu in gpus),
    )


def with_load(view: ClusterView, nodes: Mapping[str, NodeSample]) -> ClusterView:
    """Return the view of a cluster with the load of its nodes."""
    return replace(view, nodes=tuple(_with_load(node, nodes.get(node.name)) for node in view.nodes))


def _with_load(view: NodeView, load: NodeSample | None) -> NodeView:
    if load is None:
        return view
    told = row_of(view.name, load, in_full=False)._asdict()
    del told["node"]
    return replace(view, **{**told, "gpus": load.gpus})


def settle(before: NodeSample | None, now: NodeSample) -> NodeSample:
    """Return `now`, with the numbers of `before` where they hardly differ."""
    if before is None:
        return now
    memory, most = now.memory_used_bytes, now.memory_limit_bytes or now.memory_used_bytes
    known = {gpu.index: gpu for gpu in before.gpus}
    cpu_step = _STEADY_CPU_PERCENT * max(1, now.workers)
    return replace(
        now,
        cpu_percent=_steady(before.cpu_percent, now.cpu_percent, cpu_step),
        memory_used_bytes=_steady(before.memory_used_bytes, memory, _STEADY_MEMORY * most),
        traffic=Traffic(*map(_steady_rate, before.traffic, now.traffic)),
        gpus=tuple(_settle_gpu(known.get(gpu.index, gpu), gpu) for gpu in now.gpus),
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


def _steady_rate(before: float | None, now: float | None) -> float | None:
    """Return a rate; a faint one, of what every system says now and then, is none."""
    if now is None:
        return None
    heard = 0.0 if now < _FAINT_BYTES_PER_S else now
    return _steady(before, heard, _STEADY_TRAFFIC * heard if heard else 0.5)


_Number = TypeVar("_Number", bound=float | None)


def _steady(before: _Number, now: _Number, step: float) -> _Number:
    """Return the number before, unless it is unknown or now differs by a step."""
    if before is None or now is None or abs(now - before) >= step:
        return now
    return before


def _total(numbers: Iterable[_Number]) -> _Number | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None  # type: ignore[return-value]
