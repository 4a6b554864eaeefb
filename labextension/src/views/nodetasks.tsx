/**
 * What the workers of one node did in the last minute.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX } from 'react';

import type { IFeedState } from '../feedmodel';
import { type ILane, sumsOf } from '../tasktape';
import { TaskChart } from './taskchart';
import { nameOf, numberOf, summaryOf } from './taskwords';

/** A page of a node shows so many seconds of its tasks. */
const SPAN_S = 60;

interface INodeTasksProps {
  readonly lanes: readonly ILane[];
  readonly runs: readonly string[];
  readonly state: IFeedState | null;
  readonly now: number;
  readonly trans: TranslationBundle;
}

/** A chart of the node's own workers. */
export function NodeTasks(props: INodeTasksProps): JSX.Element {
  const { lanes, runs, state, now, trans } = props;
  const known = new Map(state?.runs.map(run => [run.id, run]));
  if (lanes.length === 0) {
    return (
      <p className="jp-scale-Hint">
        {trans.__('Its workers did nothing in the last minutes.')}
      </p>
    );
  }
  const from = now - SPAN_S;
  return (
    <TaskChart
      lanes={lanes}
      runs={runs}
      from={from}
      to={now}
      now={now}
      summary={summaryOf(sumsOf(lanes, from, now), SPAN_S, trans)}
      nameOf={run => nameOf(known.get(run), trans)}
      labelOf={run => numberOf(known.get(run))}
      trans={trans}
    />
  );
}
