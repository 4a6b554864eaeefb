/**
 * What finished while nobody looked: above the runs, by notebook, with the ways to get it.
 */
import { downloadIcon, notebookIcon, UseSignal } from '@jupyterlab/ui-components';
import type { JSX } from 'react';

import type { IKeptRun } from '../feed';
import { baseName, formatBytes } from '../format';
import { finishedText } from '../missedruns';
import type { IPanelContext } from './context';
import { IconButton } from './iconbutton';
import { runLabel, StatusIcon } from './status';

interface IMissedProps {
  readonly context: IPanelContext;
}

/** The runs that nobody has seen to their end; nothing when there are none. */
export function MissedList({ context }: IMissedProps): JSX.Element {
  const { missed } = context;
  return (
    <UseSignal signal={missed.changed}>
      {() => (
        <>
          {[...byNotebook(missed.runs)].map(([notebook, runs]) => (
            <Missed key={notebook} notebook={notebook} runs={runs} context={context} />
          ))}
        </>
      )}
    </UseSignal>
  );
}

function byNotebook(runs: readonly IKeptRun[]): ReadonlyMap<string, IKeptRun[]> {
  const found = new Map<string, IKeptRun[]>();
  for (const run of runs) {
    found.set(run.notebook, [...(found.get(run.notebook) ?? []), run]);
  }
  return found;
}

interface INotebookProps extends IMissedProps {
  readonly notebook: string;
  readonly runs: readonly IKeptRun[];
}

function Missed({ notebook, runs, context }: INotebookProps): JSX.Element {
  const { trans } = context;
  const name = notebook ? baseName(notebook) : trans.__('No notebook');
  const text = finishedText(runs.length, trans);
  return (
    <section className="jp-scale-Missed" aria-label={`${name}: ${text}`}>
      <h3 className="jp-scale-Group" title={notebook || name}>
        {name}
      </h3>
      <p className="jp-scale-Missed-text">{text}</p>
      <ul className="jp-scale-List">
        {runs.map(run => (
          <MissedRun key={run.id} run={run} context={context} />
        ))}
      </ul>
    </section>
  );
}

interface IRunProps extends IMissedProps {
  readonly run: IKeptRun;
}

function MissedRun({ run, context }: IRunProps): JSX.Element {
  const { actions, trans } = context;
  const isBusy = actions.isBusy(run.id);
  const left = trans.__(
    'left %1 (%2)',
    run.names.join(', '),
    formatBytes(run.result_bytes)
  );
  return (
    <li className="jp-scale-Run">
      <div className="jp-scale-Row">
        <StatusIcon status={run.status} isRun label={runLabel(run.status, trans)} />
        <code className="jp-scale-Name" title={run.first_line}>
          {run.first_line}
        </code>
        {run.cell_id && (
          <IconButton
            icon={notebookIcon}
            label={trans.__('Put its output under its cell')}
            isDisabled={isBusy}
            onClick={() => void actions.showMissed(run)}
          />
        )}
        {run.names.length > 0 && (
          <IconButton
            icon={downloadIcon}
            label={trans.__(
              'Fetch what it left into the notebook: %1',
              run.names.join(', ')
            )}
            isDisabled={isBusy}
            onClick={() => void actions.fetchMissed(run)}
          />
        )}
      </div>
      {run.names.length > 0 && (
        <p className="jp-scale-Detail" title={left}>
          {left}
        </p>
      )}
    </li>
  );
}
