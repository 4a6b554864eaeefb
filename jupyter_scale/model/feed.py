"""The feed: what the server tells a panel. Versioned; JSON on the wire, TypeScript by generation.

A connection begins with a `Snapshot`; after it come `Delta` s, numbered without gaps. A client that
misses one connects again. All times are Unix seconds by the clocks of servers: each frame says what
time it is there, because a browser's clock may be wrong.

A client says one thing, `Watch`: load is sampled only while somebody watches. Load comes in frames
of its own, `Loads`, which have no number: of nodes on somebody's screen each second, with each of
their GPUs; of all others every five seconds, with their GPUs summed up. In a snapshot or a delta
nothing is known of load, so that these are rare and small. `Tasks`, without a number as well, are
sent to who shows a task stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from jupyter_scale.model.account import Traffic
from jupyter_scale.model.holdings import Holding, Holdings, HoldingState
from jupyter_scale.model.log import LogLevel, LogLine, NoticeKind
from jupyter_scale.model.run import Inputs, Loop, Run, RunStatus

# Of the panel, too: its TypeScript has them. Holdings are told by kernels.
__all__ = [
    "Holding",
    "HoldingState",
    "Holdings",
    "Inputs",
    "LogLevel",
    "LogLine",
    "NoticeKind",
    "RunStatus",
    "Traffic",
]

FEED_VERSION = 8

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
    processes: int | None = None


class GpuRow(NamedTuple):
    """A `GpuView` in `Loads`: there are many."""

    number: int
    name: str
    utilisation_percent: float | None
    memory_used_bytes: int | None
    memory_total_bytes: int | None
    temperature_c: float | None
    power_w: float | None
    processes: int | None


class GpuSum(NamedTuple):
    """All GPUs of a node: how many, their mean load, their memory and power, the hottest."""

    gpus: int
    utilisation_percent: float | None
    memory_used_bytes: int | None
    memory_total_bytes: int | None
    hottest_c: float | None
    power_w: float | None


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node: load of its workers, summed (100 percent is one core), and of its machine.

    `workers_wanted` is 0 while a machine's cores are not known; `error` says why it failed; `ssh`
    is the command that leads there, empty for this computer. What is null is not known; as soon as
    `busy` is, a node without `gpu` has none that a driver tells of.
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
    ssh: str = ""
    busy: int | None = None
    network_in_bytes_per_s: float | None = None
    network_out_bytes_per_s: float | None = None
    disk_read_bytes_per_s: float | None = None
    disk_write_bytes_per_s: float | None = None
    gpu: GpuSum | None = None


class LoadRow(NamedTuple):
    """What `Loads` tells of a node, see `NodeView`; `gpus` is null if they are summed up only."""

    node: str
    workers: int | None
    busy: int | None
    cpu_percent: float | None
    memory_used_bytes: int | None
    memory_limit_bytes: int | None
    network_in_bytes_per_s: float | None
    network_out_bytes_per_s: float | None
    disk_read_bytes_per_s: float | None
    disk_write_bytes_per_s: float | None
    gpu: GpuSum | None
    gpus: tuple[GpuRow, ...] | None


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
    """One ``%%scale`` cell that ran or runs; without a cluster it ran in the notebook's kernel.

    `traffic` comes with its end; it is null while it runs, and if its kernel tells nothing.
    """

    cluster: str
    loops: tuple[LoopView, ...]
    inputs: tuple[Inputs, ...] = ()
    traffic: Traffic | None = None


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
    log: tuple[LogLine, ...]


@dataclass(frozen=True, slots=True)
class NodesChange:
    """Nodes of a cluster of which nothing else changed: whole new views by name."""

    cluster: str
    nodes: tuple[NodeView, ...]


@dataclass(frozen=True, slots=True)
class LoopsChange:
    """All loops of a run of which nothing else changed: that is how a run goes on."""

    run: str
    loops: tuple[LoopView, ...]


@dataclass(frozen=True, slots=True)
class Delta:
    """What changed: whole new views by id, ids that are gone, all profiles if one did.

    Of the log only lines that are new.
    """

    type: Literal["delta"]
    seq: int
    sent_at: float
    clusters: tuple[ClusterView, ...]
    runs: tuple[RunView, ...]
    gone_clusters: tuple[str, ...]
    gone_runs: tuple[str, ...]
    profiles: tuple[str, ...] | None
    nodes: tuple[NodesChange, ...]
    loops: tuple[LoopsChange, ...]
    log: tuple[LogLine, ...]


@dataclass(frozen=True, slots=True)
class Loads:
    """What nodes of a cluster do now, of those for which it changed."""

    type: Literal["loads"]
    sent_at: float
    cluster: str
    rows: tuple[LoadRow, ...]


class TaskRow(NamedTuple):
    """Tasks of one worker that followed each other: `worker` and `run` are places in lists.

    Of `seconds` it worked `busy_s`. `tasks` is 0 for one that has begun and goes on.
    """

    worker: int
    started_at: float
    seconds: float
    busy_s: float
    tasks: int
    failed: int
    run: int


@dataclass(frozen=True, slots=True)
class Tasks:
    """What workers of a cluster did; `is_anew` if whatever was told before is void."""

    type: Literal["tasks"]
    sent_at: float
    cluster: str
    is_anew: bool
    workers: tuple[str, ...]
    runs: tuple[str, ...]
    rows: tuple[TaskRow, ...]


class NodeId(NamedTuple):
    """Which node: a cluster's id, and the node's name."""

    cluster: str
    node: str


@dataclass(frozen=True, slots=True)
class Watch:
    """What a client says: whether it shows the panel, and which nodes are on its screen.

    Of the clusters `tasks` it shows the task stream. At first it shows nothing.
    """

    type: Literal["watch"]
    visible: bool
    nodes: tuple[NodeId, ...]
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRun(Run):
    """What a cluster keeps of a run for who was away; a page asks for these, no frame has them.

    `names` are those whose values wait to be fetched, `result_bytes` what they take. `is_shown`: a
    notebook file has its output. `dropped` says why some of it is there no more, or is empty.
    """

    cluster: str
    names: tuple[str, ...]
    result_bytes: int
    output_bytes: int
    is_shown: bool
    dropped: str
