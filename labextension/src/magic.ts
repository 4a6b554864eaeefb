/**
 * The `%%scale` line of a cell, as text. Knows nothing of JupyterLab.
 */

/** The magic that sends a cell to the cluster. */
export const MAGIC = '%%scale';

/** The `%%scale` line of a cell. */
export interface IMagicLine {
  /** Number of the line, from 0: blank lines may stand before it. */
  readonly line: number;
  /** Offset of the line's first character. */
  readonly start: number;
  /** Offset behind the line and its line break. */
  readonly end: number;
  /** What stands behind `%%scale`, trimmed. */
  readonly options: string;
}

/** One replacement in a cell's text. */
export interface IEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** What toggling did. */
export interface IToggled {
  /** The one change that makes `source` from the old text. */
  readonly edit: IEdit;
  /** The new text. */
  readonly source: string;
  /** Options on the line that was added or taken away. */
  readonly options: string;
  /** Where a line of the old text is now, with its column. */
  readonly movePosition: (position: IPosition) => IPosition;
}

/** A place in a text: line and column count from 0. */
export interface IPosition {
  readonly line: number;
  readonly column: number;
}

// IPython skips blank lines and indentation before a cell magic; `%%scale?` asks for help.
const LINE = /^((?:[ \t]*\r?\n)*)[ \t]*%%scale(?![^ \t\r\n])([^\r\n]*)(?:\r?\n|$)/;

/** Find the cell's `%%scale` line, or null if the cell is plain. */
export function findMagic(source: string): IMagicLine | null {
  const match = LINE.exec(source);
  if (!match) {
    return null;
  }
  const [whole, before = '', options = ''] = match;
  return {
    line: before.split('\n').length - 1,
    start: before.length,
    end: whole.length,
    options: options.trim()
  };
}

/** Put `%%scale` and these options on a cell, or take the line away if the cell has it. */
export function toggleMagic(source: string, options = ''): IToggled {
  const magic = findMagic(source);
  return magic ? removeMagic(source, magic) : addMagic(source, options.trim());
}

/** The cell with a `%%scale` line that has it explained instead of run. */
export function explainMagic(source: string, options = ''): string {
  const magic = findMagic(source);
  const plain = magic ? source.slice(0, magic.start) + source.slice(magic.end) : source;
  const line = [MAGIC, '--explain', magic ? magic.options : options.trim()];
  return `${line.filter(Boolean).join(' ')}\n${plain}`;
}

function addMagic(source: string, options: string): IToggled {
  const text = (options ? `${MAGIC} ${options}` : MAGIC) + '\n';
  return {
    edit: { start: 0, end: 0, text },
    source: text + source,
    options,
    movePosition: ({ line, column }) => ({ line: line + 1, column })
  };
}

function removeMagic(source: string, magic: IMagicLine): IToggled {
  const { start, end, options } = magic;
  return {
    edit: { start, end, text: '' },
    source: source.slice(0, start) + source.slice(end),
    options,
    movePosition: ({ line, column }) => ({
      line: line > magic.line ? line - 1 : line,
      column: line === magic.line ? 0 : column
    })
  };
}
