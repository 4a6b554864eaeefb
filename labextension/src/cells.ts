/**
 * Puts `%%scale` on the cells of a notebook, and takes it off.
 */
import type { Cell, ICellModel } from '@jupyterlab/cells';
import type { CodeEditor } from '@jupyterlab/codeeditor';
import type { Notebook } from '@jupyterlab/notebook';

import { findMagic, type IToggled, toggleMagic } from './magic';

/** Whether the cell is code that the user may edit. */
export function canToggle(cell: Cell | null): cell is Cell {
  return cell?.model.type === 'code' && cell.model.getMetadata('editable') !== false;
}

/** Whether the cell has the `%%scale` line. */
export function isScaled(cell: Cell | null): boolean {
  return cell?.model.type === 'code' && findMagic(sourceOf(cell)) !== null;
}

/** Toggles cells; a cell that gets its line back gets the options that were on it. */
export class CellToggler {
  /**
   * Toggle the active and the selected cells.
   *
   * They all become what the active cell becomes, so that a mixed selection ends uniform.
   *
   * @returns whether they have `%%scale` now.
   */
  toggle(notebook: Notebook, defaultOptions: string): boolean {
    const cells = notebook.widgets.filter(
      cell => canToggle(cell) && notebook.isSelectedOrActive(cell)
    );
    const add = !isScaled(notebook.activeCell);
    for (const cell of cells) {
      if (isScaled(cell) !== add) {
        this._toggleCell(cell, defaultOptions);
      }
    }
    return add;
  }

  private _toggleCell(cell: Cell, defaultOptions: string): void {
    const options = this._options.get(cell.model) ?? defaultOptions;
    const toggled = toggleMagic(sourceOf(cell), options);
    this._options.set(cell.model, toggled.options);
    const selections = cell.editor?.getSelections() ?? [];
    const { start, end, text } = toggled.edit;
    cell.model.sharedModel.updateSource(start, end, text);
    cell.editor?.setSelections(selections.map(range => moveRange(range, toggled)));
  }

  private readonly _options = new WeakMap<ICellModel, string>();
}

function sourceOf(cell: Cell): string {
  return cell.model.sharedModel.getSource();
}

function moveRange(
  range: CodeEditor.IRange,
  { movePosition }: IToggled
): CodeEditor.IRange {
  return { start: { ...movePosition(range.start) }, end: { ...movePosition(range.end) } };
}
