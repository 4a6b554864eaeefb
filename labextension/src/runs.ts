/**
 * Runs as the panel shows them: by notebook, those at work first, finished ones folded. Pure.
 */
import type { IRunView } from './feed';

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

/** A run that has ended, and how often it ended just so. */
export interface IFinished {
  readonly run: IRunView;
  readonly times: number;
}

/** Whether a run is still to be waited for. */
export function isActive({ status }: Pick<IRunView, 'status'>): boolean {
  return status === 'queued' || status === 'running';
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
  const times = new Map<string, number>();
  for (const { status, error } of finished) {
    if (status === 'failed') {
      times.set(error, (times.get(error) ?? 0) + 1);
    }
  }
  const seen = new Set<string>();
  return finished.flatMap(run => {
    if (run.status !== 'failed') {
      return [{ run, times: 1 }];
    }
    if (seen.has(run.error)) {
      return [];
    }
    seen.add(run.error);
    return [{ run, times: times.get(run.error) ?? 1 }];
  });
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
