/**
 * What is lost when a cluster is stopped, as it is said before. Pure.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import { costAt, formatUsd } from './cost';
import type { IClusterView, IRunView } from './feed';
import { baseName } from './format';
import { isActive } from './runs';

/** So many notebooks are named. */
const MOST_NAMED = 3;

/**
 * What stopping a cluster loses or ends, a sentence each.
 *
 * @param now - Unix seconds by the server's clock.
 */
export function losses(
  cluster: IClusterView,
  runs: readonly IRunView[],
  now: number,
  trans: TranslationBundle
): readonly string[] {
  const own = runs.filter(run => run.cluster === cluster.id);
  const active = own.filter(isActive).length;
  const notebooks = [...new Set(own.map(run => baseName(run.notebook)))].filter(Boolean);
  const named = notebooks.slice(0, MOST_NAMED).join(', ');
  const workers = cluster.nodes.reduce((sum, node) => sum + node.workers, 0);
  const said: string[] = [];
  if (active > 0) {
    said.push(
      trans._n(
        '%1 cell is running on it and will be interrupted.',
        '%1 cells are running on it and will be interrupted.',
        active
      )
    );
  }
  if (own.length > 0) {
    said.push(
      named
        ? trans.__(
            'Results that were kept there only (--keep) are lost; all others are in %1.',
            notebooks.length > MOST_NAMED ? `${named}, …` : named
          )
        : trans.__('Results that were kept there only (--keep) are lost.')
    );
  }
  said.push(ends(cluster, workers, now, trans));
  return said;
}

function ends(
  { cost, nodes }: IClusterView,
  workers: number,
  now: number,
  trans: TranslationBundle
): string {
  if (!cost) {
    return trans._n('Its %1 worker ends.', 'Its %1 workers end.', workers);
  }
  const spent = costAt(cost, now);
  const machines = trans._n(
    'Its %1 machine is given back',
    'Its %1 machines are given back',
    nodes.length
  );
  return spent === null
    ? trans.__('%1; what it has cost is not known.', machines)
    : trans.__('%1; it has cost %2.', machines, formatUsd(spent));
}
