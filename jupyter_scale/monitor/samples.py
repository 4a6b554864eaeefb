"""Samples: the load of workers at a moment, read out of what the scheduler knows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class GpuSample:
    """The one GPU that distributed reports of a worker."""

    name: str
    utilisation_percent: float | None
    memory_used_bytes: int | None
    memory_total_bytes: int | None


@dataclass(frozen=True, slots=True)
class WorkerSample:
    """One worker; 100 percent is one core."""

    name: str
    cpu_percent: float
    memory_used_bytes: int
    memory_limit_bytes: int
    gpu: GpuSample | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """A cluster's workers, and since when (Unix seconds) nothing ran; None while something does."""

    workers: tuple[WorkerSample, ...] = ()
    idle_since: float | None = None


def read_sample(identity: Mapping[str, Any]) -> Sample:
    """Return the sample in a scheduler's ``identity``, made with all its workers."""
    workers = [_read_worker(worker) for worker in identity["workers"].values()]
    return Sample(tuple(sorted(workers, key=lambda w: w.name)), identity.get("idle_since_s"))


def _read_worker(worker: Mapping[str, Any]) -> WorkerSample:
    metrics = worker["metrics"]
    return WorkerSample(
        name=str(worker["name"]),
        cpu_percent=float(metrics.get("cpu") or 0.0),
        memory_used_bytes=int(metrics.get("memory") or 0),
        memory_limit_bytes=int(worker.get("memory_limit") or 0),
        gpu=_read_gpu(worker, metrics),
    )


def _read_gpu(worker: Mapping[str, Any], metrics: Mapping[str, Any]) -> GpuSample | None:
    if metrics.get("gpu_memory_used") is None:
        return None
    return GpuSample(
        name=str(worker.get("gpu-name", "GPU")),
        utilisation_percent=metrics.get("gpu_utilization"),
        memory_used_bytes=metrics["gpu_memory_used"],
        memory_total_bytes=worker.get("gpu-memory-total"),
    )
