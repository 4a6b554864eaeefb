/**
 * The cluster in a few words, for the status bar. Pure.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { ConnectionStatus } from './connection';
import type { IFeedState } from './feedmodel';
import { formatPercent } from './format';
import { MAGIC } from './magic';
import { isActive, progressOf } from './runs';

/** For instance `%%scale: 2 workers, 1 run 40 %`; empty until something is known. */
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
  const statuses = new Set(state.clusters.map(cluster => cluster.status));
  if (statuses.has('running')) {
    return `${MAGIC}: ${workers(state, trans)}, ${work(state, trans)}`;
  }
  if (statuses.has('starting')) {
    return trans.__('%1: starting', MAGIC);
  }
  return statuses.has('failed')
    ? trans.__('%1: failed', MAGIC)
    : trans.__('%1: no cluster', MAGIC);
}

function workers({ clusters }: IFeedState, trans: TranslationBundle): string {
  const count = clusters
    .flatMap(cluster => cluster.nodes)
    .reduce((sum, node) => sum + node.workers, 0);
  return trans._n('%1 worker', '%1 workers', count);
}

function work({ runs }: IFeedState, trans: TranslationBundle): string {
  const active = runs.filter(isActive);
  if (active.length === 0) {
    return trans.__('idle');
  }
  const progress = progressOf(active);
  const count = trans._n('%1 run', '%1 runs', active.length);
  return progress === null ? count : `${count} ${formatPercent(progress)}`;
}
