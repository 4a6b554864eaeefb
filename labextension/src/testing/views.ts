/**
 * Views for tests, complete and plain; a test names what matters to it.
 */
import {
  type IClusterView,
  type ICostView,
  type IDelta,
  FEED_VERSION,
  type IGpuView,
  type ILoopView,
  type INodeView,
  type IRunView,
  type ISnapshot
} from '../feed';

export function aNode(name: string, changes: Partial<INodeView> = {}): INodeView {
  return {
    name,
    pool: 'default',
    status: 'running',
    error: '',
    workers: 2,
    workers_wanted: 2,
    cpu_percent: 50,
    memory_used_bytes: 1e9,
    memory_limit_bytes: 8e9,
    gpus: [],
    ...changes
  };
}

export function aCluster(id: string, changes: Partial<IClusterView> = {}): IClusterView {
  return {
    id,
    name: id,
    provider: 'local',
    owner: 'server',
    status: 'running',
    error: '',
    started_at: 1000,
    idle_since: null,
    idle_timeout_s: 1800,
    orphan_after_s: 7200,
    cost: null,
    steps: [],
    nodes: [aNode('node-1')],
    ...changes
  };
}

export function aGpu(index: number, busy: number | null): IGpuView {
  return {
    index,
    name: 'NVIDIA A10G',
    utilisation_percent: busy,
    memory_used_bytes: 18.4e9,
    memory_total_bytes: 24.1e9,
    temperature_c: 71,
    power_w: 214
  };
}

export function aCost(changes: Partial<ICostView> = {}): ICostView {
  return {
    usd: 1.5,
    at: 1000,
    usd_per_h: 0.526,
    max_usd: null,
    ends_at: null,
    ...changes
  };
}

export function aLoop(changes: Partial<ILoopView> = {}): ILoopView {
  return {
    line: 2,
    total: 100,
    done: 40,
    running: 2,
    queued: 58,
    failed: 0,
    workers: 2,
    ends_at: 1030,
    ...changes
  };
}

export function aRun(id: string, changes: Partial<IRunView> = {}): IRunView {
  return {
    id,
    cluster: 'a',
    kernel_id: 'k',
    notebook: 'a.ipynb',
    cell_id: id,
    execution_count: 1,
    first_line: 'x = 1',
    status: 'running',
    started_at: 1000,
    ended_at: null,
    error: '',
    loops: [],
    ...changes
  };
}

export function aSnapshot(changes: Partial<ISnapshot> = {}): ISnapshot {
  return {
    type: 'snapshot',
    version: FEED_VERSION,
    seq: 1,
    sent_at: 1000,
    clusters: [],
    runs: [],
    profiles: [],
    ...changes
  };
}

export function aDelta(changes: Partial<IDelta> = {}): IDelta {
  return {
    type: 'delta',
    seq: 2,
    sent_at: 1000,
    clusters: [],
    runs: [],
    gone_clusters: [],
    gone_runs: [],
    profiles: null,
    ...changes
  };
}
