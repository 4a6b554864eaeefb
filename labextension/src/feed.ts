/** The feed: what the server tells a panel. The shapes of `jupyter_scale/model/feed.py`. */

export const FEED_VERSION = 1;

export type ClusterStatus = 'starting' | 'running' | 'stopping' | 'stopped' | 'failed';
export type RunStatus = 'queued' | 'running' | 'done' | 'failed' | 'interrupted' | 'lost';

/** One GPU of a node: utilisation in percent, memory in bytes, degrees Celsius, watts. */
export interface GpuView {
  readonly index: number;
  readonly name: string;
  readonly utilisation_percent: number | null;
  readonly memory_used_bytes: number | null;
  readonly memory_total_bytes: number | null;
  readonly temperature_c: number | null;
  readonly power_w: number | null;
}

/** One node: load of its workers, summed (100 percent is one core). */
export interface NodeView {
  readonly name: string;
  readonly status: ClusterStatus;
  readonly workers: number;
  readonly workers_wanted: number;
  readonly cpu_percent: number | null;
  readonly memory_used_bytes: number | null;
  readonly memory_limit_bytes: number | null;
  readonly gpus: readonly GpuView[];
}

/** One step of a start, as it happened. */
export interface StepView {
  readonly step: string;
  readonly message: string;
  readonly at: number;
}

/** One cluster; `owner` says whether this server or a kernel owns it, times are Unix seconds. */
export interface ClusterView {
  readonly id: string;
  readonly name: string;
  readonly provider: string;
  readonly owner: 'server' | 'kernel';
  readonly status: ClusterStatus;
  readonly error: string;
  readonly started_at: number;
  readonly idle_since: number | null;
  readonly idle_timeout_s: number | null;
  readonly steps: readonly StepView[];
  readonly nodes: readonly NodeView[];
}

/** One spread loop: counts of iterations; `eta_s` seconds are left, if that can be told. */
export interface LoopView {
  readonly line: number;
  readonly total: number;
  readonly done: number;
  readonly running: number;
  readonly queued: number;
  readonly failed: number;
  readonly workers: number;
  readonly eta_s: number | null;
}

/** One `%%scale` cell that ran or runs. */
export interface RunView {
  readonly id: string;
  readonly cluster: string;
  readonly kernel_id: string;
  readonly notebook: string;
  readonly cell_id: string;
  readonly execution_count: number;
  readonly first_line: string;
  readonly status: RunStatus;
  readonly started_at: number;
  readonly ended_at: number | null;
  readonly error: string;
  readonly loops: readonly LoopView[];
}

/** All there is at the moment of number `seq`. */
export interface Snapshot {
  readonly type: 'snapshot';
  readonly version: number;
  readonly seq: number;
  readonly clusters: readonly ClusterView[];
  readonly runs: readonly RunView[];
  readonly profiles: readonly string[];
}

/** What changed: whole new views by id, and ids that are gone. */
export interface Delta {
  readonly type: 'delta';
  readonly seq: number;
  readonly clusters: readonly ClusterView[];
  readonly runs: readonly RunView[];
  readonly gone_clusters: readonly string[];
  readonly gone_runs: readonly string[];
}
