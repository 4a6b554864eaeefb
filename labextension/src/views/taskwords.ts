/**
 * What charts of tasks say in words.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IRunView } from '../feed';
import { formatDuration, formatPercent } from '../format';
import type { ILaneSum } from '../tasktape';

/** A cell by its number and its first line. */
export function nameOf(run: IRunView | undefined, trans: TranslationBundle): string {
  return run ? `${numberOf(run)} ${run.first_line}` : trans.__('something else');
}

/** A cell by its number, as its prompt shows it. */
export function numberOf(run: IRunView | undefined): string {
  return run ? `[${run.execution_count || ' '}]` : '';
}

/** For those who do not see the chart. */
export function summaryOf(
  sums: readonly ILaneSum[],
  spanS: number,
  trans: TranslationBundle
): string {
  const tasks = sums.reduce((sum, each) => sum + each.tasks, 0);
  const share = sums.reduce((sum, each) => sum + each.share, 0) / sums.length;
  return [
    trans._n('%1 worker', '%1 workers', sums.length),
    trans.__('%1 at work in the last %2', formatPercent(share), formatDuration(spanS)),
    trans._n('%1 task ended', '%1 tasks ended', tasks)
  ].join(', ');
}
