/**
 * Notices: what somebody has to know although he looks elsewhere. Pure.
 *
 * Laws: 1. A matter is told once, also by a page that is loaded again. 2. A page that comes late is
 * told of the last matters only. 3. A cell that took long is told of when it ends, not if one sees it.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { ILogLine, IRunView } from './feed';
import { formatDuration } from './format';
import { isActive } from './runs';

/** So many are shown at once, so that they can all be read. */
const MOST_AT_ONCE = 3;

/** So many matters are remembered. */
export const MOST_REMEMBERED = 200;

/** JupyterLab cuts off what is longer. */
const LONGEST = 140;

/** What is told. */
export interface INotice {
  readonly text: string;
  readonly type: 'error' | 'warning' | 'success' | 'default';
}

/** The lines of which somebody has to know and does not yet. */
export function freshMatters(
  log: readonly ILogLine[],
  isKnown: (matter: string) => boolean
): readonly ILogLine[] {
  const latest = new Map(
    log
      .filter(({ notice, matter }) => notice !== null && !isKnown(matter))
      .map(line => [line.matter, line])
  );
  return [...latest.values()].slice(-MOST_AT_ONCE);
}

/** The runs that have ended between two states, and had taken so long. */
export function endedLong(
  before: readonly IRunView[],
  now: readonly IRunView[],
  leastS: number
): readonly IRunView[] {
  const wereActive = new Set(before.filter(isActive).map(({ id }) => id));
  return now.filter(
    run =>
      wereActive.has(run.id) &&
      run.ended_at !== null &&
      run.ended_at - run.started_at >= leastS
  );
}

/** What is said of a line. */
export function noticeOf(
  { notice, name, node, text }: ILogLine,
  trans: TranslationBundle
): INotice {
  switch (notice) {
    case 'host-key':
      return {
        type: 'error',
        text: short(
          trans.__(
            'The host key of %1 is not the one that is known: the panel says what to do.',
            node || name
          )
        )
      };
    case 'cost':
    case 'ending':
      return { type: 'warning', text: short(trans.__('Cluster "%1": %2', name, text)) };
    case 'node-lost':
      return {
        type: 'warning',
        text: short(trans.__('Node %1 of the cluster "%2" is lost.', node, name))
      };
    case 'memory':
      return {
        type: 'warning',
        text: short(
          trans.__(
            'A worker of %1 has used more memory than it may and was ended; what it did is done again.',
            node || name
          )
        )
      };
    case 'cluster-failed':
    case null:
      return {
        type: 'error',
        text: short(trans.__('The cluster "%1" has failed: %2', name, text))
      };
  }
}

/** What is said of a run that took long. */
export function noticeOfRun(run: IRunView, trans: TranslationBundle): INotice {
  const { status, started_at: start, ended_at: end } = run;
  const took = formatDuration((end ?? start) - start);
  const what = `[${run.execution_count}] ${run.first_line}`;
  switch (status) {
    case 'done':
      return { type: 'success', text: short(trans.__('Done after %1: %2', took, what)) };
    case 'failed':
    case 'lost':
      return { type: 'error', text: short(trans.__('Failed after %1: %2', took, what)) };
    default:
      return { type: 'default', text: short(trans.__('Ended after %1: %2', took, what)) };
  }
}

function short(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}
