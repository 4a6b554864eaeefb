/**
 * One run: its cell, how far its loops are, and how it ended.
 */
import { stopIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX } from 'react';

import type { ILoopView, IRunView } from '../feed';
import { formatDuration, formatElapsed, lastLine } from '../format';
import { isActive } from '../runs';
import type { IPanelContext } from './context';
import { ErrorText } from './errortext';
import { IconButton } from './iconbutton';
import { Progress } from './meter';
import { runLabel, StatusIcon } from './status';

interface IRunProps {
  readonly run: IRunView;
  readonly context: IPanelContext;
  readonly now: number;
}

/** A run; a finished one is a single line, and a failed one has the error below it. */
export function Run({ run, context, now }: IRunProps): JSX.Element {
  const { actions, feed, trans } = context;
  const isAtWork = isActive(run);
  const elapsed = (run.ended_at ?? now) - run.started_at;
  return (
    <li className="jp-scale-Run">
      <div className="jp-scale-Row">
        <StatusIcon status={run.status} isRun label={runLabel(run.status, trans)} />
        <button
          className="jp-scale-Link"
          type="button"
          title={trans.__('Go to this cell: %1', run.first_line)}
          onClick={() => void actions.reveal(run)}
        >
          <span className="jp-scale-Prompt">{`[${run.execution_count || ' '}]`}</span>
          <code>{run.first_line}</code>
        </button>
        <span className="jp-scale-Aside">
          {isAtWork ? formatDuration(elapsed) : formatElapsed(elapsed)}
        </span>
        {isAtWork && (
          <IconButton
            icon={stopIcon}
            label={trans.__('Interrupt this cell')}
            isDisabled={actions.isBusy(run.id) || feed.status !== 'live'}
            onClick={() => void actions.interrupt(run)}
          />
        )}
      </div>
      {isAtWork &&
        run.loops.map((loop, index) => (
          <Loop key={index} loop={loop} now={now} trans={trans} />
        ))}
      {run.status === 'lost' && (
        <p className="jp-scale-Detail">{runLabel(run.status, trans)}</p>
      )}
      {run.error && run.status !== 'interrupted' && (
        <ErrorText brief={lastLine(run.error)} text={run.error} />
      )}
    </li>
  );
}

interface ILoopProps {
  readonly loop: ILoopView;
  readonly now: number;
  readonly trans: TranslationBundle;
}

function Loop({ loop, now, trans }: ILoopProps): JSX.Element {
  const { line, done, total, failed, workers, ends_at: endsAt } = loop;
  const left = endsAt === null || done >= total ? 0 : Math.round(endsAt - now);
  const label = trans.__('Loop in line %1', line);
  const count = total > 0 ? trans.__('%1 of %2', done, total) : trans.__('%1 done', done);
  const facts = [
    failed > 0 && trans.__('%1 failed', failed),
    left > 0 && trans.__('%1 left', formatDuration(left))
  ].filter(Boolean);
  return (
    <div
      className="jp-scale-Loop"
      title={trans._n('%2: on %1 worker', '%2: on %1 workers', workers, label)}
    >
      <Progress
        label={label}
        text={[count, ...facts].join(', ')}
        done={done}
        running={loop.running}
        total={total}
      />
      <div className="jp-scale-Row jp-scale-mod-small">
        <span className="jp-scale-Name">{label}</span>
        <span className="jp-scale-Aside">{[count, ...facts].join(' · ')}</span>
      </div>
    </div>
  );
}
