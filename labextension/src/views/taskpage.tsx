/**
 * The task stream of a cluster: its workers, what they did in the last minutes, and whose it was.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { type JSX, useState } from 'react';

import type { IRunView } from '../feed';
import { formatPercent } from '../format';
import { type ILaneSum, sumsOf, type TaskTape } from '../tasktape';
import { Check } from './check';
import type { IPageProps, IPanelContext } from './context';
import { Swatch, TaskChart } from './taskchart';
import { nameOf, numberOf, summaryOf } from './taskwords';

/** So many seconds can be chosen. */
const SPANS_S = [60, 120, 300];

/** The chart, who is in it, and the same in numbers. */
export function TaskPage(props: IPageProps): JSX.Element {
  const { context, state, now, which, tape } = props;
  const { trans } = context;
  const [spanS, setSpan] = useState(60);
  const [heldAt, setHeldAt] = useState<number | null>(null);
  const cluster = state?.clusters.find(({ id }) => id === which.cluster);
  const to = heldAt ?? now;
  const runs = new Map(state?.runs.map(run => [run.id, run]));
  const sums = sumsOf(tape.lanes, to - spanS, to);
  return (
    <>
      <header>
        <h2>
          {cluster
            ? trans.__('Tasks of the cluster "%1"', cluster.name)
            : trans.__('Tasks')}
        </h2>
        <div className="jp-scale-Choices">
          <label>
            {trans.__('Show the last')}
            <select
              className="jp-scale-Select"
              value={spanS}
              onChange={event => setSpan(Number(event.target.value))}
            >
              {SPANS_S.map(seconds => (
                <option key={seconds} value={seconds}>
                  {trans._n('%1 minute', '%1 minutes', seconds / 60)}
                </option>
              ))}
            </select>
          </label>
          <Check
            label={trans.__('Hold still')}
            isChecked={heldAt !== null}
            onChange={isHeld => setHeldAt(isHeld ? now : null)}
          />
        </div>
      </header>
      {tape.lanes.length === 0 ? (
        <p className="jp-scale-Hint">
          {state && !cluster
            ? trans.__('This cluster is not there any more.')
            : trans.__('No worker did anything in the last minutes.')}
        </p>
      ) : (
        <>
          <TaskChart
            lanes={tape.lanes}
            runs={tape.runs}
            from={to - spanS}
            to={to}
            now={now}
            summary={summaryOf(sums, spanS, trans)}
            nameOf={run => nameOf(runs.get(run), trans)}
            labelOf={run => numberOf(runs.get(run))}
            trans={trans}
          />
          <Legend tape={tape} runs={runs} context={context} />
          <Numbers sums={sums} trans={trans} />
        </>
      )}
    </>
  );
}

interface ILegendProps {
  readonly tape: TaskTape;
  readonly runs: ReadonlyMap<string, IRunView>;
  readonly context: IPanelContext;
}

/** Which cell looks how; a click leads there. */
function Legend({ tape, runs, context }: ILegendProps): JSX.Element {
  const { actions, trans } = context;
  return (
    <>
      <ul className="jp-scale-Legend" aria-label={trans.__('Cells')}>
        {tape.runs.map((id, place) => {
          const run = runs.get(id);
          return (
            <li key={id}>
              <Swatch place={id ? place : -1} />
              {run ? (
                <button
                  className="jp-scale-Link"
                  type="button"
                  title={trans.__('Go to this cell: %1', run.first_line)}
                  onClick={() => void actions.reveal(run)}
                >
                  <code>{nameOf(run, trans)}</code>
                </button>
              ) : (
                <span>{nameOf(run, trans)}</span>
              )}
            </li>
          );
        })}
      </ul>
      <p className="jp-scale-Hint">
        {trans.__(
          'A low bar stands for short tasks with pauses between them, a cross for a task that failed.'
        )}
      </p>
    </>
  );
}

/** So many workers have a row; the chart has all of them. */
const MOST_ROWS = 200;

interface INumbersProps {
  readonly sums: readonly ILaneSum[];
  readonly trans: TranslationBundle;
}

/** The chart in numbers, on demand. */
function Numbers({ sums, trans }: INumbersProps): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  return (
    <details
      className="jp-scale-Numbers"
      onToggle={event => setOpen(event.currentTarget.open)}
    >
      <summary>{trans.__('In numbers')}</summary>
      {isOpen && (
        <table>
          <thead>
            <tr>
              <th scope="col">{trans.__('Worker')}</th>
              <th scope="col">{trans.__('At work')}</th>
              <th scope="col">{trans.__('Tasks')}</th>
              <th scope="col">{trans.__('Failed')}</th>
            </tr>
          </thead>
          <tbody>
            {sums.slice(0, MOST_ROWS).map(({ worker, share, tasks, failed }) => (
              <tr key={worker}>
                <th scope="row">{worker}</th>
                <td>{formatPercent(share)}</td>
                <td>{tasks}</td>
                <td>{failed}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </details>
  );
}
