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
 * That is no change of the user's: the notebook is as `dirty` as before. Who has the cell executed meanwhile
 * wants to see that.
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
  const quietly = <T>(act: () => T): T => {
    const { dirty } = panel.context.model;
    const result = act();
    panel.context.model.dirty = dirty;
    return result;
  };
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
    const batches = follow(run, abort.signal);
    const isWhole = await write(model, run, batches, quietly, abort.signal);
    if (abort.signal.aborted) {
      return 'gone';
    }
    quietly(() => {
      model.executionState = 'idle';
      model.executionCount = run.execution_count;
    });
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
  quietly: <T>(act: () => T) => T,
  signal: AbortSignal
): Promise<boolean> {
  let writer: OutputWriter | null = null;
  try {
    for await (const { outputs, status } of batches) {
      if (signal.aborted) {
        return false;
      }
      const writing = (writer ??= quietly(() => begin(model, run)));
      quietly(() => {
        outputs.forEach(message => writing.write(message));
      });
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

/** The cell as it was when the run began, or when it was over. */
function begin(model: ICodeCellModel, run: IKeptRun): OutputWriter {
  model.executionCount = null;
  model.executionState = isActive(run) ? 'running' : 'idle';
  model.trusted = true; // it is what the user's own cell has shown
  return new OutputWriter(model.outputs);
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
