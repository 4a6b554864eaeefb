/**
 * The section of the runs: each notebook's cells at work and done.
 */
import { type JSX, useState } from 'react';

import { baseName } from '../format';
import { FINISHED_SHOWN, groupRuns, type INotebookRuns } from '../runs';
import type { IPanelContext, ISectionProps } from './context';
import { MissedList } from './missed';
import { Run } from './run';

/** All runs, by notebook. */
export function Runs({ context, state, now }: ISectionProps): JSX.Element {
  const { trans } = context;
  const groups = groupRuns(state?.runs ?? []);
  return (
    <>
      <MissedList context={context} />
      {groups.length === 0 && (
        <p className="jp-scale-Hint">
          {trans.__('Cells that run on the cluster appear here.')}
        </p>
      )}
      {groups.map(group => (
        <NotebookRuns key={group.notebook} group={group} context={context} now={now} />
      ))}
    </>
  );
}

interface INotebookRunsProps {
  readonly group: INotebookRuns;
  readonly context: IPanelContext;
  readonly now: number;
}

function NotebookRuns({ group, context, now }: INotebookRunsProps): JSX.Element {
  const { trans } = context;
  const [isOpen, setOpen] = useState(false);
  const { notebook, active, finished } = group;
  const folded = finished.length - FINISHED_SHOWN;
  const shown = isOpen ? finished : finished.slice(0, FINISHED_SHOWN);
  const name = notebook ? baseName(notebook) : trans.__('No notebook');
  return (
    <>
      <h3 className="jp-scale-Group" title={notebook || name}>
        {name}
      </h3>
      <ul className="jp-scale-List" aria-label={trans.__('Runs of %1', name)}>
        {active.map(run => (
          <Run key={run.id} run={run} context={context} now={now} />
        ))}
        {shown.map(({ run, alike }) => (
          <Run key={run.id} run={run} alike={alike} context={context} now={now} />
        ))}
      </ul>
      {folded > 0 && (
        <button
          className="jp-scale-More"
          type="button"
          aria-expanded={isOpen}
          onClick={() => setOpen(!isOpen)}
        >
          {isOpen
            ? trans.__('Show fewer')
            : trans._n('Show %1 earlier run', 'Show %1 earlier runs', folded)}
        </button>
      )}
    </>
  );
}
