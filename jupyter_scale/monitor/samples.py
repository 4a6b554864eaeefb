"""Samples: the load of workers and GPUs at a moment, read out of what the scheduler says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jupyter_scale.model.feed import GpuView

LOOK = "jupyter_scale_look"
"""The scheduler's handler that answers with its identity, ``idle_since_s``, and ``gpus``."""


@dataclass(frozen=True, slots=True)
class WorkerSample:
    """One worker; 100 percent is one core."""

    name: str
    cpu_percent: float
    memory_used_bytes: int
    memory_limit_bytes: int


@dataclass(frozen=True, slots=True)
class Sample:
    """A cluster's load at a moment.

    Attributes
    ----------
    idle_since
        Since when nothing ran, in Unix seconds; None while something does.
    gpus
        ``node → its GPUs``.
    """

    workers: tuple[WorkerSample, ...] = ()
    idle_since: float | None = None
    gpus: Mapping[str, tuple[GpuView, ...]] = field(default_factory=dict)


def read_sample(looked: Mapping[str, Any]) -> Sample:
    """Return the sample in what a scheduler answers to `LOOK`."""
    workers = [_read_worker(worker) for worker in looked["workers"].values()]
    gpus = {node: tuple(GpuView(**gpu) for gpu in seen) for node, seen in looked["gpus"].items()}
    return Sample(tuple(sorted(workers, key=lambda w: w.name)), looked["idle_since_s"], gpus)


def _read_worker(worker: Mapping[str, Any]) -> WorkerSample:
    metrics = worker["metrics"]
    return WorkerSample(
        name=str(worker["name"]),
        cpu_percent=float(metrics.get("cpu") or 0.0),
        memory_used_bytes=int(metrics.get("memory") or 0),
        memory_limit_bytes=int(worker.get("memory_limit") or 0),
    )
