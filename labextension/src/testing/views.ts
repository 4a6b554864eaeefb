/**
 * Views for tests, complete and plain; a test names what matters to it.
 */
import {
  type IClusterView,
  type ICostView,
  type IDelta,
  FEED_VERSION,
  type IGpuSum,
  type IGpuView,
  type IHolding,
  type IInputs,
  type IKeptRun,
  type ILoadRow,
  type ILogLine,
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
    ssh: '',
    busy: 1,
    network_in_bytes_per_s: 0,
    network_out_bytes_per_s: 0,
    disk_read_bytes_per_s: 0,
    disk_write_bytes_per_s: 0,
    gpu: sumOf(changes.gpus ?? []),
    ...changes
  };
}

/** A row of load; with GPUs only if it says which. */
export function aRow(
  node: string,
  cpu: number | null,
  gpus: ILoadRow[11] = null,
  gpu: ILoadRow[10] = null
): ILoadRow {
  return [node, 2, 1, cpu, 1e9, 8e9, 0, 0, 0, 0, gpu, gpus];
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

/** The GPUs of a node as the server sums them up; what none of them knows is null. */
function sumOf(gpus: readonly IGpuView[]): IGpuSum | null {
  const known = (pick: (gpu: IGpuView) => number | null): readonly number[] =>
    gpus.map(pick).filter(value => value !== null);
  const sum = (values: readonly number[]): number | null =>
    values.length > 0 ? values.reduce((all, each) => all + each, 0) : null;
  const busy = known(gpu => gpu.utilisation_percent);
  const heat = known(gpu => gpu.temperature_c);
  return gpus.length === 0
    ? null
    : [
        gpus.length,
        busy.length > 0 ? (sum(busy) ?? 0) / busy.length : null,
        sum(known(gpu => gpu.memory_used_bytes)),
        sum(known(gpu => gpu.memory_total_bytes)),
        heat.length > 0 ? Math.max(...heat) : null,
        sum(known(gpu => gpu.power_w))
      ];
}

export function aGpu(index: number, busy: number | null): IGpuView {
  return {
    index,
    name: 'NVIDIA A10G',
    utilisation_percent: busy,
    memory_used_bytes: 18.4e9,
    memory_total_bytes: 24.1e9,
    temperature_c: 71,
    power_w: 214,
    processes: 1
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
    number: 1,
    is_over: false,
    ends_at: 1030,
    rate_per_s: 2,
    speedup: 1.9,
    ...changes
  };
}

/** What a loop was at whose iterations nobody has counted. */
export function anInput(changes: Partial<IInputs> = {}): IInputs {
  return { values: ['alpha = 0.1'], line: 2, call: '', index: null, ...changes };
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
    traceback: '',
    loops: [],
    inputs: [],
    traffic: null,
    is_detached: false,
    ...changes
  };
}

export function aLine(number: number, changes: Partial<ILogLine> = {}): ILogLine {
  return {
    number,
    at: 1000 + number,
    level: 'info',
    cluster: 'c',
    name: 'lab',
    node: '',
    run: '',
    text: 'something happened',
    notice: null,
    matter: '',
    source: '',
    ...changes
  };
}

export function aKept(id: string, changes: Partial<IKeptRun> = {}): IKeptRun {
  return {
    ...aRun(id),
    status: 'done',
    ended_at: 1010,
    names: [],
    result_bytes: 0,
    output_bytes: 10,
    is_shown: false,
    dropped: '',
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
    log: [],
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
    nodes: [],
    loops: [],
    log: [],
    ...changes
  };
}

/** A name on the cluster, fresh unless it says otherwise; what stays there could come home. */
export function aHolding(
  name: string,
  state: IHolding[4] = 'same',
  bytes: number | null = 1000
): IHolding {
  const stays = state === 'stays';
  const why = stays ? '--keep' : '';
  return [name, 'numpy.ndarray', '(10, 2) float64', bytes, state, 'n', why, stays, true];
}
