"""The feed: what the server tells a panel. Versioned; JSON on the wire, TypeScript by generation.

A connection begins with a `Snapshot`; after it come `Delta` s, numbered without gaps. A client that
misses one connects again. All times are Unix seconds by the clocks of servers: each frame says what
time it is there, because a browser's clock may be wrong.

A client says one thing, `Watch`: load is sampled only while somebody watches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jupyter_scale.model.run import Loop, Run, RunStatus

__all__ = ["RunStatus"]  # of the feed, too: its TypeScript has it

FEED_VERSION = 4

ClusterStatus = Literal["starting", "running", "stopping", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class GpuView:
    """One GPU of a node: utilisation in percent, memory in bytes, degrees Celsius, watts."""

    index: int
    name: str
    utilisation_percent: float | None
    memory_used_bytes: int | None
    memory_total_bytes: int | None
    temperature_c: float | None
    power_w: float | None


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node: load of its workers, summed (100 percent is one core).

    `workers_wanted` is 0 while a machine's cores are not known; `error` says why it failed.
    """

    name: str
    pool: str
    status: ClusterStatus
    error: str
    workers: int
    workers_wanted: int
    cpu_percent: float | None
    memory_used_bytes: int | None
    memory_limit_bytes: int | None
    gpus: tuple[GpuView, ...]


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a start, as it happened.

    The step of a machine is ``"node NAME"``; there is one of each, with what it does now.
    """

    step: str
    message: str
    at: float


@dataclass(frozen=True, slots=True)
class CostView:
    """What a cluster costs in US dollars: `usd` at the time `at`, `usd_per_h` from then on.

    What is null is not known. Its machines end themselves at `ends_at`, or when it has cost
    `max_usd`.
    """

    usd: float | None
    at: float
    usd_per_h: float | None
    max_usd: float | None
    ends_at: float | None


@dataclass(frozen=True, slots=True)
class ClusterView:
    """One cluster; `owner` says whether this server or a kernel owns it, times are Unix seconds.

    `cost` is null for what costs nothing.
    """

    id: str
    name: str
    provider: str
    owner: Literal["server", "kernel"]
    status: ClusterStatus
    error: str
    started_at: float
    idle_since: float | None
    idle_timeout_s: float | None
    orphan_after_s: float | None
    cost: CostView | None
    steps: tuple[StepView, ...]
    nodes: tuple[NodeView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopView(Loop):
    """One spread loop: counts of iterations; when it will have ended, if that can be told."""

    queued: int
    ends_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView(Run):
    """One ``%%scale`` cell that ran or runs."""

    cluster: str
    loops: tuple[LoopView, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All there is at the moment of number `seq`."""

    type: Literal["snapshot"]
    version: int
    seq: int
    sent_at: float
    clusters: tuple[ClusterView, ...]
    runs: tuple[RunView, ...]
    profiles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Delta:
    """What changed: whole new views by id, ids that are gone, all profiles if one did."""

    type: Literal["delta"]
    seq: int
    sent_at: float
    clusters: tuple[ClusterView, ...]
    runs: tuple[RunView, ...]
    gone_clusters: tuple[str, ...]
    gone_runs: tuple[str, ...]
    profiles: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Watch:
    """What a client says: whether it shows the panel. At first it does not."""

    type: Literal["watch"]
    visible: bool
