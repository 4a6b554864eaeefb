/**
 * One run: its cell, how far its loops are, and how it ended.
 */
import { stopIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX } from 'react';

import type { ILoopView, IRunView, ITraffic } from '../feed';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatElapsed,
  lastLine
} from '../format';
import { tasksIcon } from '../icons';
import { canStop, isActive, loopId } from '../runs';
import { CellLink } from './celllink';
import type { IPanelContext } from './context';
import { ErrorText } from './errortext';
import { IconButton } from './iconbutton';
import { Inputs } from './inputs';
import { Progress } from './meter';
import { runLabel, StatusIcon } from './status';

interface IRunProps {
  readonly run: IRunView;
  /** All that ended just so. */
  readonly alike?: readonly IRunView[];
  readonly context: IPanelContext;
  readonly now: number;
}

/** A run; a finished one has what it cost below it, and a failed one the error. */
export function Run({ run, alike = [run], context, now }: IRunProps): JSX.Element {
  const { actions, feed, openTasks, trans } = context;
  const times = alike.length;
  const isAtWork = isActive(run);
  const elapsed = (run.ended_at ?? now) - run.started_at;
  return (
    <li className="jp-scale-Run">
      <div className="jp-scale-Row">
        <StatusIcon
          status={run.status}
          isRun
          now={now}
          label={runLabel(run.status, trans)}
        />
        <CellLink run={run} context={context} />
        {times > 1 && (
          <span
            className="jp-scale-Aside"
            title={trans.__('It failed %1 times with this exception', times)}
          >
            {`× ${times}`}
          </span>
        )}
        <span className="jp-scale-Aside">
          {isAtWork ? formatDuration(elapsed) : formatElapsed(elapsed)}
        </span>
        {isAtWork && run.loops.length > 0 && (
          <IconButton
            icon={tasksIcon}
            label={trans.__('Show the tasks of this cell')}
            onClick={() => openTasks(run.cluster)}
          />
        )}
        {isAtWork && (
          <IconButton
            icon={stopIcon}
            label={trans.__('Interrupt this cell')}
            isDisabled={actions.isBusy(run.id) || feed.isAway}
            onClick={() => void actions.interrupt(run)}
          />
        )}
      </div>
      {isAtWork &&
        run.loops.map((loop, index) => (
          <Loop key={index} run={run} loop={loop} context={context} now={now} />
        ))}
      {run.status === 'lost' && (
        <p className="jp-scale-Detail">{runLabel(run.status, trans)}</p>
      )}
      {run.error && run.status !== 'interrupted' && (
        <>
          <ErrorText brief={lastLine(run.error)} text={run.traceback || run.error} />
          <Inputs runs={alike} trans={trans} />
        </>
      )}
      {!isAtWork && <Cost run={run} context={context} />}
    </li>
  );
}

interface ICostProps {
  readonly run: IRunView;
  readonly context: IPanelContext;
}

/** Where it ran and what travelled in one line; why, and what was noted, unfolds. */
function Cost({ run, context }: ICostProps): JSX.Element | null {
  const { feed, trans } = context;
  const { traffic } = run;
  if (!traffic) {
    return null;
  }
  const name = feed.state?.clusters.find(({ id }) => id === run.cluster)?.name;
  const brief =
    traffic.where === 'here'
      ? trans.__('Ran in the notebook: %1', traffic.why)
      : [name, travelled(traffic, trans)].filter(Boolean).join(' · ');
  const more = [traffic.where === 'here' ? '' : traffic.why, ...traffic.notes]
    .filter(line => line && !brief.includes(line))
    .join('\n');
  if (!more) {
    return (
      <p className="jp-scale-Detail jp-scale-Cost" title={brief}>
        {brief}
      </p>
    );
  }
  return (
    <details className="jp-scale-Detail jp-scale-Cost">
      <summary title={brief}>
        <span>{brief}</span>
      </summary>
      <pre>{more}</pre>
    </details>
  );
}

/** For instance `sent 3 MB, reused 1.2 GB, got 5 kB`: what is nothing is left out. */
function travelled(
  { sent_bytes: sent, reused_bytes: reused, received_bytes: received }: ITraffic,
  trans: TranslationBundle
): string {
  return [
    trans.__('sent %1', formatBytes(sent)),
    reused > 0 && trans.__('reused %1', formatBytes(reused)),
    received > 0 && trans.__('got %1', formatBytes(received))
  ]
    .filter(Boolean)
    .join(', ');
}

interface ILoopProps {
  readonly run: IRunView;
  readonly loop: ILoopView;
  readonly context: IPanelContext;
  readonly now: number;
}

function Loop({ run, loop, context, now }: ILoopProps): JSX.Element {
  const { actions, feed, trans } = context;
  const { line, done, total, failed, workers, ends_at: endsAt } = loop;
  const { rate_per_s: rate, speedup } = loop;
  const left = endsAt === null || done >= total ? 0 : Math.round(endsAt - now);
  const label = trans.__('Loop in line %1', line);
  const count = total > 0 ? trans.__('%1 of %2', done, total) : trans.__('%1 done', done);
  const facts = [
    failed > 0 && trans.__('%1 failed', failed),
    left > 0 && trans.__('%1 left', formatDuration(left))
  ].filter(Boolean);
  const pace = [
    loop.running > 0 && trans.__('%1 running', loop.running),
    loop.queued > 0 && total > 0 && trans.__('%1 queued', loop.queued),
    rate !== null && trans.__('%1/s', formatCount(rate)),
    speedup !== null && trans.__('%1 × as fast', speedup.toFixed(1))
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
        failed={failed}
        total={total}
      />
      <div className="jp-scale-Row jp-scale-mod-small">
        <span className="jp-scale-Name">{label}</span>
        <span className="jp-scale-Aside">{[count, ...facts].join(' · ')}</span>
        {canStop(loop) && (
          <IconButton
            icon={stopIcon}
            label={trans.__(
              'Stop the loop in line %1: raises KeyboardInterrupt in it',
              line
            )}
            isDisabled={actions.isBusy(loopId(run, loop)) || feed.status !== 'live'}
            onClick={() => void actions.stopLoop(run, loop)}
          />
        )}
      </div>
      {pace.length > 0 && <p className="jp-scale-Pace">{pace.join(' · ')}</p>}
    </div>
  );
}
