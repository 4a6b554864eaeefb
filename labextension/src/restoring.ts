/**
 * Puts the output of a run under its cell, until the run is over; the cell looks as if it had been
 * watched all the time.
 */
import { type ICodeCellModel, isCodeCellModel } from '@jupyterlab/cells';
import { NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';

import type { IKeptRun } from './feed';
import { type IOutputBatch, OutputWriter } from './outputwriter';
import { isActive } from './runs';

/** Follows a run's output; all of it is there with the batch that has a status. */
export type Follow = (run: IKeptRun, signal: AbortSignal) => AsyncIterable<IOutputBatch>;

/** All of it is there; some of it, because the connection broke; or the cell has another fate. */
export type Restored = 'whole' | 'cut' | 'gone';

/**
 * Put a run's output under its cell.
 *
 * The file is saved then, unless it had changes of the user's that are not. Who has the cell executed
 * meanwhile wants to see that.
 *
 * @throws Error when the server refuses.
 */
export async function restoreOutput(
  panel: NotebookPanel,
  run: IKeptRun,
  follow: Follow
): Promise<Restored> {
  const model = findCell(panel, run);
  if (!model) {
    return 'gone';
  }
  const hadChanges = panel.context.model.dirty;
  const abort = new AbortController();
  const giveUp = (): void => abort.abort();
  const onScheduled = (_: unknown, args: { cell: { model: unknown } }): void => {
    if (args.cell.model === model) {
      giveUp();
    }
  };
  NotebookActions.executionScheduled.connect(onScheduled);
  panel.disposed.connect(giveUp);
  try {
    const isWhole = await write(model, run, follow(run, abort.signal), abort.signal);
    if (abort.signal.aborted) {
      return 'gone';
    }
    model.executionState = 'idle';
    model.executionCount = run.execution_count;
    if (isWhole && !hadChanges) {
      await panel.context.save();
    }
    return isWhole ? 'whole' : 'cut';
  } finally {
    NotebookActions.executionScheduled.disconnect(onScheduled);
    panel.disposed.disconnect(giveUp);
  }
}

/** Write what comes; tell whether that was all. */
async function write(
  model: ICodeCellModel,
  run: IKeptRun,
  batches: AsyncIterable<IOutputBatch>,
  signal: AbortSignal
): Promise<boolean> {
  let writer: OutputWriter | null = null;
  try {
    for await (const { outputs, status } of batches) {
      if (signal.aborted) {
        return false;
      }
      if (!writer) {
        model.executionCount = null;
        model.executionState = isActive(run) ? 'running' : 'idle';
        model.trusted = true; // it is what the user's own cell has shown
        writer = new OutputWriter(model.outputs);
      }
      for (const message of outputs) {
        writer.write(message);
      }
      if (status) {
        return true;
      }
    }
  } catch (error) {
    if (!writer && !signal.aborted) {
      throw error;
    }
  }
  return false;
}

function findCell(
  { context }: NotebookPanel,
  { cell_id: id }: IKeptRun
): ICodeCellModel | null {
  for (const cell of context.model.cells) {
    if (cell.id === id && isCodeCellModel(cell)) {
      return cell;
    }
  }
  return null;
}
