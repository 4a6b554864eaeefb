/**
 * Joins the notebook in front to a cluster that runs.
 */
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

import type { IClusterView } from './feed';
import { baseName } from './format';
import { hasPythonKernel, LOAD_CODE, runSilently } from './kernel';

/** Tells the kernel of the notebook in front which cluster to use. */
export class Attaching {
  constructor(private readonly _tracker: INotebookTracker | null) {}

  /** The name of the notebook that would be joined; empty when there is none. */
  get notebook(): string {
    const panel = this._panel();
    return panel ? baseName(panel.context.path) : '';
  }

  /**
   * Have it use that cluster, as soon as its kernel has done what it is at.
   *
   * @throws Error in the kernel's words.
   */
  async attach({ id }: IClusterView): Promise<void> {
    const kernel = this._panel()?.sessionContext.session?.kernel;
    if (!kernel) {
      return;
    }
    const failure = await runSilently(kernel, `${LOAD_CODE}\n%scale use ${id}`);
    if (failure) {
      throw new Error(failure.message || failure.name);
    }
  }

  private _panel(): NotebookPanel | null {
    const panel = this._tracker?.currentWidget;
    return panel && hasPythonKernel(panel.sessionContext) ? panel : null;
  }
}
