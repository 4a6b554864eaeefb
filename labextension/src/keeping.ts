/**
 * Sees to it that what a run has shown is saved once, whichever windows have its notebook open: one
 * of them saves, the others take the file as it is then.
 */
import type { ICodeCellModel } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';

import type { ScaleApi } from './api';
import type { IKeptRun, IRunView } from './feed';

/** What the server says to a window that would save. */
export interface IClaim {
  /** This window is the one. */
  readonly is_mine: boolean;
  /** A file has it. */
  readonly is_shown: boolean;
}

/** Asked again after so long, then after twice that. */
const FIRST_MS = 1000;
const CAP_MS = 30_000;

/** What it asks the server. */
export type IKeepingApi = Pick<ScaleApi, 'claim' | 'noteShown'>;

/** Keeps output in files, and windows in step with them. */
export class Keeping {
  constructor(private readonly _api: IKeepingApi) {}

  /** Whether this window is the one that saves; without an answer it is not. */
  async claim(run: IKeptRun | IRunView, hasChanges: boolean): Promise<boolean> {
    return (await this._ask(run, hasChanges)).is_mine;
  }

  /**
   * A window has all of a run's output: save it, or have another window do so.
   *
   * A window with changes of its user's saves when the user wants to.
   */
  async keep(panel: NotebookPanel, run: IKeptRun): Promise<void> {
    const { context } = panel;
    for (
      let waitMs = FIRST_MS;
      !panel.isDisposed;
      waitMs = Math.min(CAP_MS, 2 * waitMs)
    ) {
      const hasChanges = context.model.dirty;
      const { is_mine: isMine, is_shown: isShown } = await this._ask(run, hasChanges);
      if (hasChanges || context.model.dirty) {
        if (!isShown) {
          this._noteWhenSaved(panel, run);
        }
        return;
      }
      if (isShown && !isBusy(panel)) {
        return reload(panel);
      }
      if (isMine && !isShown) {
        await context.save();
        return this.noteShown(run);
      }
      await new Promise(resolve => setTimeout(resolve, waitMs));
    }
  }

  /** Tell the server that a file has a run's output. */
  async noteShown({ cluster, id }: IKeptRun | IRunView): Promise<void> {
    await this._api.noteShown(cluster, id).catch(() => undefined);
  }

  private _noteWhenSaved({ context }: NotebookPanel, run: IKeptRun): void {
    const saved = (_: unknown, state: string): void => {
      if (state === 'completed') {
        context.saveState.disconnect(saved);
        void this.noteShown(run);
      }
    };
    context.saveState.connect(saved);
  }

  private async _ask(
    { cluster, id }: IKeptRun | IRunView,
    hasChanges: boolean
  ): Promise<IClaim> {
    try {
      return await this._api.claim(cluster, id, hasChanges);
    } catch {
      return { is_mine: false, is_shown: false };
    }
  }
}

/** Whether a cell of this window waits for its answer: that would be lost with its widget. */
function isBusy({ context }: NotebookPanel): boolean {
  return [...context.model.cells].some(
    cell => cell.type === 'code' && (cell as ICodeCellModel).executionState !== 'idle'
  );
}

/** Take the file as it is now; the user stays in the same cell, at the same place. */
async function reload({ content, context }: NotebookPanel): Promise<void> {
  const { activeCellIndex } = content;
  const { scrollTop } = content.outerNode;
  await context.revert();
  content.activeCellIndex = activeCellIndex;
  content.outerNode.scrollTop = scrollTop;
}
