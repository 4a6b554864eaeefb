/**
 * Goes from a run to the notebook and the cell that it came from.
 */
import type { CommandRegistry } from '@lumino/commands';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

import type { IRunView } from './feed';

/** What the application offers for it. */
export interface IRevealContext {
  readonly commands: CommandRegistry;
  readonly tracker: INotebookTracker | null;
  readonly activate: (id: string) => void;
}

/**
 * Show the notebook of a run, and make its cell the active one.
 *
 * @returns whether the cell is still there.
 */
export async function revealRun(
  run: IRunView,
  context: IRevealContext
): Promise<boolean> {
  const panel = await findPanel(run, context);
  if (!panel) {
    return false;
  }
  context.activate(panel.id);
  await panel.revealed;
  const notebook = panel.content;
  const index = notebook.widgets.findIndex(cell => cell.model.id === run.cell_id);
  if (index < 0) {
    return false;
  }
  notebook.deselectAll();
  notebook.activeCellIndex = index;
  await notebook.scrollToItem(index, 'smart');
  notebook.node.focus();
  return true;
}

/** The notebook that is open with this kernel, else with this path, else opened now. */
export async function findPanel(
  { kernel_id, notebook }: Pick<IRunView, 'kernel_id' | 'notebook'>,
  { commands, tracker }: IRevealContext
): Promise<NotebookPanel | null> {
  const open =
    tracker?.find(panel => panel.sessionContext.session?.kernel?.id === kernel_id) ??
    tracker?.find(panel => panel.context.path === notebook);
  if (open || !notebook) {
    return open ?? null;
  }
  await commands.execute('docmanager:open', { path: notebook });
  return tracker?.find(panel => panel.context.path === notebook) ?? null;
}
