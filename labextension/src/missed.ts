/**
 * Runs that no page has seen to their end: whose output goes under its cell by itself, and what the
 * panel tells of. Pure.
 */
import type { IKeptRun, IRunView } from './feed';
import { findMagic } from './magic';
import { isActive } from './runs';

/** A notebook that is open: what decides which runs are its own. */
export interface IOpenNotebook {
  readonly path: string;
  readonly kernelId: string;
  /** The sources of its cells, by their ids. */
  readonly sources: ReadonlyMap<string, string>;
}

/** `cell → when this page last had it executed`, in Unix seconds by the server's clock. */
export type Executed = ReadonlyMap<string, number>;

/** Clocks, and the way of a request, differ by so much at most. */
const SLACK_S = 5;

/** Whether this page has had a run executed: then it shows what the kernel tells. */
export function isOfThisPage(
  { cell_id: cell, started_at: startedAt }: IRunView | IKeptRun,
  executed: Executed
): boolean {
  const at = executed.get(cell);
  return at !== undefined && startedAt > at - SLACK_S;
}

/** Whether a run belongs to a notebook: its kernel's, or that of its file. */
export function isOf(
  { notebook, kernel_id: kernel }: IRunView | IKeptRun,
  { path, kernelId }: Pick<IOpenNotebook, 'path' | 'kernelId'>
): boolean {
  return notebook === path || (kernel !== '' && kernel === kernelId);
}

/**
 * The runs whose output goes under cells of a notebook by itself: of each cell the latest, unless the
 * file has it, this page has run the cell since, or another text is in the cell by now.
 */
export function runsToShow(
  runs: readonly IKeptRun[],
  notebook: IOpenNotebook,
  executed: Executed
): readonly IKeptRun[] {
  const latest = new Map<string, IKeptRun>();
  for (const run of runs) {
    const known = latest.get(run.cell_id);
    if (isOf(run, notebook) && (!known || known.started_at < run.started_at)) {
      latest.set(run.cell_id, run);
    }
  }
  return [...latest.values()].filter(run => {
    const source = notebook.sources.get(run.cell_id);
    return (
      source !== undefined &&
      !run.is_shown &&
      !run.is_detached &&
      !run.dropped &&
      !executed.has(run.cell_id) &&
      firstLineOf(source) === run.first_line
    );
  });
}

/** The runs that ended while nobody looked, and have something that nobody has. */
export function missedRuns(
  runs: readonly IKeptRun[],
  executed: Executed
): readonly IKeptRun[] {
  return runs.filter(
    run =>
      !isActive(run) &&
      !run.dropped &&
      (run.names.length > 0 || (!run.is_shown && !isOfThisPage(run, executed)))
  );
}

/** Runs that a file has: they have ended, and the page has saved what its cells were answered. */
export function runsInFile(
  runs: readonly IRunView[],
  notebook: Pick<IOpenNotebook, 'path' | 'kernelId'>,
  saved: Executed
): readonly IRunView[] {
  return runs.filter(
    run => !isActive(run) && isOf(run, notebook) && isOfThisPage(run, saved)
  );
}

/** So many characters of its first line a run is known by. */
const FIRST_LINE_CHARS = 80;

/** The line by which a cell's run is known: the first below the magic that is not blank. */
export function firstLineOf(source: string): string {
  const magic = findMagic(source);
  const body = magic ? source.slice(magic.end) : source;
  const line = body.split('\n').find(each => each.trim() !== '') ?? '';
  return line.trim().slice(0, FIRST_LINE_CHARS);
}
