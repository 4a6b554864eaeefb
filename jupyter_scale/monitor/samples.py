"""Samples: the load of nodes at a moment, read out of what a survey says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jupyter_scale.model.feed import GpuView
from jupyter_scale.monitor.machine import NO_TRAFFIC, Traffic


@dataclass(frozen=True, slots=True)
class NodeSample:
    """One node; 100 percent is one core.

    Attributes
    ----------
    busy
        How many of its workers work on something.
    traffic
        What goes by on its machine's network and disks.
    """

    workers: int = 0
    busy: int = 0
    cpu_percent: float = 0.0
    memory_used_bytes: int = 0
    memory_limit_bytes: int = 0
    traffic: Traffic = NO_TRAFFIC
    gpus: tuple[GpuView, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """A cluster's load at a moment.

    Attributes
    ----------
    nodes
        ``name → load``: of all nodes that there are, or of some.
    is_whole
        Whether of all.
    idle_since
        Since when nothing ran, in Unix seconds; None while something does.
    """

    nodes: Mapping[str, NodeSample] = field(default_factory=dict)
    is_whole: bool = True
    idle_since: float | None = None


def read_sample(looked: Mapping[str, Any], *, is_whole: bool) -> Sample:
    """Return the sample in what a survey has found."""
    nodes = {name: _read_node(found) for name, found in looked["nodes"].items()}
    return Sample(nodes, is_whole, looked["idle_since_s"])


def _read_node(found: Mapping[str, Any]) -> NodeSample:
    machine = found["machine"] or {"traffic": (), "gpus": ()}
    return NodeSample(
        workers=found["workers"],
        busy=found["busy"],
        cpu_percent=found["cpu"],
        memory_used_bytes=found["memory"],
        memory_limit_bytes=found["memory_limit"],
        traffic=Traffic(*machine["traffic"]),
        gpus=tuple(GpuView(**gpu) for gpu in machine["gpus"]),
    )
