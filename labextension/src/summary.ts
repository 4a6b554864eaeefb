/**
 * The clusters in a few words, for the status bar. Pure.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { ConnectionStatus } from './connection';
import { formatPerHour, isPaid, totalPerHour } from './cost';
import type { IClusterView, INodeView, IRunView } from './feed';
import type { IFeedState } from './feedmodel';
import { formatPercent } from './format';
import { MAGIC } from './magic';
import { isActive, progressOf } from './runs';

/** For instance `%%scale: 2 nodes, 5 of 16 busy, 40 %, GPU 87 %, 0.53 USD/h`; empty at first. */
export function summarise(
  state: IFeedState | null,
  status: ConnectionStatus,
  trans: TranslationBundle
): string {
  if (status === 'offline') {
    return trans.__('%1: offline', MAGIC);
  }
  if (!state) {
    return '';
  }
  const running = state.clusters.filter(cluster => cluster.status === 'running');
  const statuses = new Set(state.clusters.map(cluster => cluster.status));
  if (running.length > 0) {
    return `${MAGIC}: ${atWork(running, state, trans)}`;
  }
  if (statuses.has('starting')) {
    return withPrice(trans.__('%1: starting', MAGIC), state.clusters, trans);
  }
  return statuses.has('failed')
    ? trans.__('%1: failed', MAGIC)
    : trans.__('%1: no cluster', MAGIC);
}

/** How many workers have something to do, as far as the runs tell. */
export function busyWorkers(runs: readonly IRunView[], workers: number): number {
  const busy = runs
    .filter(({ status }) => status === 'running')
    .map(({ loops }) => loops.reduce((sum, loop) => sum + loop.running, 0))
    .reduce((sum, count) => sum + Math.max(1, count), 0);
  return Math.min(workers, busy);
}

/** The mean load of all GPUs whose load is known, from 0 to 1; null when there is none. */
function gpuLoadOf(nodes: readonly INodeView[]): number | null {
  let [count, sum] = [0, 0];
  for (const { gpu } of nodes) {
    const [gpus = 0, busy = null] = gpu ?? [];
    if (busy !== null) {
      count += gpus;
      sum += gpus * busy;
    }
  }
  return count > 0 ? sum / (100 * count) : null;
}

function atWork(
  clusters: readonly IClusterView[],
  { runs, clusters: all }: IFeedState,
  trans: TranslationBundle
): string {
  const nodes = clusters
    .flatMap(cluster => cluster.nodes)
    .filter(node => node.status === 'running');
  const workers = nodes.reduce((sum, node) => sum + node.workers, 0);
  const active = runs.filter(isActive);
  const progress = progressOf(active);
  const gpuLoad = gpuLoadOf(nodes);
  const said = [
    trans._n('%1 node', '%1 nodes', nodes.length),
    active.length > 0
      ? trans.__('%1 of %2 busy', busyWorkers(active, workers), workers)
      : trans.__('idle'),
    progress !== null && formatPercent(progress),
    gpuLoad !== null && trans.__('GPU %1', formatPercent(gpuLoad))
  ];
  return withPrice(said.filter(Boolean).join(', '), all, trans);
}

function withPrice(
  text: string,
  clusters: readonly IClusterView[],
  trans: TranslationBundle
): string {
  return isPaid(clusters)
    ? `${text}, ${formatPerHour(totalPerHour(clusters), trans)}`
    : text;
}
