/**
 * Runs as the panel shows them: by notebook, those at work first, finished ones folded. Pure.
 */
import type { ILoopView, IRunView } from './feed';

/** So many finished runs of a notebook are shown before they are folded. */
export const FINISHED_SHOWN = 3;

/** The runs of one notebook. */
export interface INotebookRuns {
  /** Its path; empty for a kernel without a notebook. */
  readonly notebook: string;
  /** Queued and running, in the order in which they began. */
  readonly active: readonly IRunView[];
  /** The others, the latest first; of failures with the same exception only the latest. */
  readonly finished: readonly IFinished[];
}

/** A run that has ended, and all that ended just so, the latest first: itself, too. */
export interface IFinished {
  readonly run: IRunView;
  readonly alike: readonly IRunView[];
}

/** Whether a run is still to be waited for. */
export function isActive({ status }: Pick<IRunView, 'status'>): boolean {
  return status === 'queued' || status === 'running';
}

/** Whether a loop can be stopped by itself. */
export function canStop({ number, is_over: isOver }: ILoopView): boolean {
  return number > 0 && !isOver;
}

/** By what a loop is told from all others. */
export function loopId(run: IRunView, { number }: ILoopView): string {
  return `${run.id}/${number}`;
}

/** Group runs by notebook: notebooks with work first, then by their latest run. */
export function groupRuns(runs: readonly IRunView[]): readonly INotebookRuns[] {
  const byNotebook = new Map<string, IRunView[]>();
  for (const run of runs) {
    const list = byNotebook.get(run.notebook);
    if (list) {
      list.push(run);
    } else {
      byNotebook.set(run.notebook, [run]);
    }
  }
  const groups = [...byNotebook].map(([notebook, list]) => {
    list.sort((a, b) => a.started_at - b.started_at);
    return {
      notebook,
      active: list.filter(isActive),
      finished: joinFailures(list.filter(run => !isActive(run)).reverse())
    };
  });
  return groups.sort((a, b) => rank(b) - rank(a));
}

/** Join failures that are the same to whoever has to mend them. */
function joinFailures(finished: readonly IRunView[]): readonly IFinished[] {
  const failed = new Map<string, IRunView[]>();
  const joined: IFinished[] = [];
  for (const run of finished) {
    const known = run.status === 'failed' ? failed.get(run.error) : undefined;
    if (known) {
      known.push(run);
      continue;
    }
    const alike = [run];
    joined.push({ run, alike });
    if (run.status === 'failed') {
      failed.set(run.error, alike);
    }
  }
  return joined;
}

/** How far these runs' loops are, from 0 to 1, each loop counting alike; null without loops. */
export function progressOf(runs: readonly IRunView[]): number | null {
  const parts = runs
    .flatMap(run => run.loops)
    .filter(({ total }) => total > 0)
    .map(({ done, total }) => Math.min(1, done / total));
  return parts.length > 0
    ? parts.reduce((sum, part) => sum + part, 0) / parts.length
    : null;
}

function rank({ active, finished }: INotebookRuns): number {
  const latest = Math.max(
    ...[active.at(-1), finished[0]?.run].map(run => run?.started_at ?? 0)
  );
  return active.length > 0 ? latest + 1e12 : latest;
}
