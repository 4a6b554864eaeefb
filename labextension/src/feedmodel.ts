/**
 * What the panel knows, and how one message of the feed changes it. Pure.
 *
 * Laws: 1. A snapshot replaces everything. 2. A delta is valid only on top of its predecessor's
 * number; else it is a gap, and the client must connect again. 3. Views that a message does not name
 * stay the same objects, so that what shows them need not be drawn again. 4. Of load only `loads`
 * tell; it stays with its node until it is forgotten.
 */
import {
  type IClusterView,
  type IDelta,
  FEED_VERSION,
  type IGpuRow,
  type IGpuView,
  type ILoadRow,
  type ILoads,
  type INodeView,
  type ILogLine,
  type IRunView,
  type ISnapshot
} from './feed';
import { bounded } from './log';

/** What a server sends. */
export type FeedMessage = ISnapshot | IDelta | ILoads;

/** All that is known at number `seq`. */
export interface IFeedState {
  readonly seq: number;
  /** When the server said so, in Unix seconds by its clock. */
  readonly sent_at: number;
  readonly clusters: readonly IClusterView[];
  readonly runs: readonly IRunView[];
  readonly profiles: readonly string[];
  readonly log: readonly ILogLine[];
}

/** The new state, or why there is none: a message is missing, or it is in another version. */
export type Outcome = IFeedState | 'gap' | 'version';

/** Apply one message to the state before it; null is the state before the first. */
export function applyMessage(state: IFeedState | null, message: FeedMessage): Outcome {
  if (message.type === 'snapshot') {
    const { version, seq, sent_at, clusters, runs, profiles, log } = message;
    return version === FEED_VERSION
      ? { seq, sent_at, clusters, runs, profiles, log }
      : 'version';
  }
  if (!state) {
    return 'gap';
  }
  if (message.type === 'loads') {
    return withLoads(state, message);
  }
  if (message.seq !== state.seq + 1) {
    return 'gap';
  }
  const known = new Map(state.clusters.map(view => [view.id, view]));
  const whole = message.clusters.map(view =>
    withNodes(view, view.nodes, known.get(view.id))
  );
  const parts = message.nodes.flatMap(({ cluster, nodes }) => {
    const view = known.get(cluster);
    return view ? [withNodes(view, replaceNodes(view.nodes, nodes), view)] : [];
  });
  const runs = new Map(state.runs.map(view => [view.id, view]));
  const advanced = message.loops.flatMap(({ run, loops }) => {
    const view = runs.get(run);
    return view ? [{ ...view, loops }] : [];
  });
  return {
    seq: message.seq,
    sent_at: message.sent_at,
    clusters: merge(state.clusters, [...whole, ...parts], message.gone_clusters),
    runs: merge(state.runs, [...message.runs, ...advanced], message.gone_runs),
    profiles: message.profiles ?? state.profiles,
    log: message.log.length > 0 ? bounded([...state.log, ...message.log]) : state.log
  };
}

/** The state without any load: what nobody watches is not known. */
export function forgetLoads(state: IFeedState): IFeedState {
  const clusters = state.clusters.map(view => ({
    ...view,
    nodes: view.nodes.map(node => ({ ...node, ...UNKNOWN }))
  }));
  return { ...state, clusters };
}

const UNKNOWN = {
  busy: null,
  cpu_percent: null,
  memory_used_bytes: null,
  memory_limit_bytes: null,
  network_in_bytes_per_s: null,
  network_out_bytes_per_s: null,
  disk_read_bytes_per_s: null,
  disk_write_bytes_per_s: null,
  gpu: null,
  gpus: []
} satisfies Partial<INodeView>;

type ILoad = Pick<INodeView, keyof typeof UNKNOWN | 'workers'>;

function withLoads(state: IFeedState, { sent_at, cluster, rows }: ILoads): IFeedState {
  const loads = new Map(rows.map(row => [row[0], row]));
  const clusters = state.clusters.map(view =>
    view.id === cluster
      ? {
          ...view,
          nodes: view.nodes.map(node => {
            const row = loads.get(node.name);
            return row ? { ...node, ...loadOfRow(row, node) } : node;
          })
        }
      : view
  );
  return { ...state, sent_at, clusters };
}

/** What a row tells; where it sums GPUs up, each of them is as it was. */
function loadOfRow(row: ILoadRow, known: INodeView): ILoad {
  const [, workers, busy, cpu, used, limit, networkIn, networkOut, ...rest] = row;
  const [diskRead, diskWrite, gpu, gpus] = rest;
  return {
    workers: workers ?? known.workers,
    busy,
    cpu_percent: cpu,
    memory_used_bytes: used,
    memory_limit_bytes: limit,
    network_in_bytes_per_s: networkIn,
    network_out_bytes_per_s: networkOut,
    disk_read_bytes_per_s: diskRead,
    disk_write_bytes_per_s: diskWrite,
    gpu,
    gpus: gpus ? gpus.map(gpuOfRow) : gpu ? known.gpus : []
  };
}

function gpuOfRow(row: IGpuRow): IGpuView {
  const [index, name, busy, used, total, heat, power, processes] = row;
  return {
    index,
    name,
    utilisation_percent: busy,
    memory_used_bytes: used,
    memory_total_bytes: total,
    temperature_c: heat,
    power_w: power,
    processes
  };
}

function replaceNodes(
  nodes: readonly INodeView[],
  changed: readonly INodeView[]
): readonly INodeView[] {
  const news = new Map(changed.map(node => [node.name, node]));
  return nodes.map(node => news.get(node.name) ?? node);
}

/** The view with these nodes; where the load is not told, they keep what they had before. */
function withNodes(
  view: IClusterView,
  nodes: readonly INodeView[],
  before: IClusterView | undefined
): IClusterView {
  const old = new Map(before?.nodes.map(node => [node.name, node]));
  const loaded = nodes.map(node => {
    const was = old.get(node.name);
    return was && node.busy === null ? { ...node, ...pickLoad(was) } : node;
  });
  return { ...view, nodes: loaded };
}

function pickLoad(node: INodeView): ILoad {
  const keys = ['workers', ...Object.keys(UNKNOWN)] as (keyof ILoad)[];
  return Object.fromEntries(keys.map(key => [key, node[key]])) as unknown as ILoad;
}

/** Replace views by id in place, append new ones, drop those that are gone. */
function merge<T extends { readonly id: string }>(
  before: readonly T[],
  changed: readonly T[],
  gone: readonly string[]
): readonly T[] {
  if (changed.length === 0 && gone.length === 0) {
    return before;
  }
  const views = new Map(before.map(view => [view.id, view]));
  for (const view of changed) {
    views.set(view.id, view);
  }
  for (const id of gone) {
    views.delete(id);
  }
  return [...views.values()];
}
