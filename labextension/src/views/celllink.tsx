/**
 * A cell by its number and its first line; a click goes to it.
 */
import type { JSX } from 'react';

import type { IRunView } from '../feed';
import type { IPanelContext } from './context';

interface ICellLinkProps {
  readonly run: IRunView;
  readonly context: Pick<IPanelContext, 'actions' | 'trans'>;
}

/** The link to the cell of a run. */
export function CellLink({ run, context }: ICellLinkProps): JSX.Element {
  const { actions, trans } = context;
  return (
    <button
      className="jp-scale-Link"
      type="button"
      title={trans.__('Go to this cell: %1', run.first_line)}
      onClick={() => void actions.reveal(run)}
    >
      <span className="jp-scale-Prompt">{`[${run.execution_count || ' '}]`}</span>
      <code>{run.first_line}</code>
    </button>
  );
}
