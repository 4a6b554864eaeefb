/**
 * When a cluster ends by itself, and the way to prolong that.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX } from 'react';

import type { IClusterView } from '../feed';
import { formatSpan } from '../format';
import type { ICardProps } from './cluster';

/** An end that is so near is a reason to look. */
const SOON_S = 300;

interface IEndingProps extends ICardProps {
  readonly isAtWork: boolean;
}

export function Ending(props: IEndingProps): JSX.Element | null {
  const { cluster, context, now, isAtWork } = props;
  const { actions, feed, trans } = context;
  if (cluster.owner === 'kernel' && cluster.idle_timeout_s === null) {
    return null; // it ends with its kernel, and not before
  }
  const idle = isAtWork ? null : cluster.idle_since;
  const limits = [
    idleText(cluster, idle, now, trans),
    cluster.orphan_after_s !== null &&
      trans.__('%1 without a Jupyter server', formatSpan(cluster.orphan_after_s)),
    cluster.cost?.ends_at &&
      trans.__('in %1 at the latest', formatSpan(cluster.cost.ends_at - now))
  ].filter(Boolean);
  const left = idle === null ? Infinity : idle + (cluster.idle_timeout_s ?? NaN) - now;
  const isSoon = left <= SOON_S;
  return (
    <div className={`jp-scale-Ending ${isSoon ? 'jp-scale-mod-soon' : ''}`}>
      <span>
        {trans.__('Stops %1', limits.join(', ') || trans.__('only when asked'))}
      </span>{' '}
      <button
        className="jp-scale-TextButton"
        type="button"
        aria-label={trans.__('Change when "%1" stops', cluster.name)}
        disabled={actions.isBusy(cluster.id) || feed.isAway}
        onClick={() => void actions.changeLimits(cluster)}
      >
        {trans.__('Change…')}
      </button>
    </div>
  );
}

/** For instance `in 24 min, as it is idle`, or `when idle for 30 min`. */
function idleText(
  { idle_timeout_s: timeout }: IClusterView,
  since: number | null,
  now: number,
  trans: TranslationBundle
): string {
  if (timeout === null) {
    return '';
  }
  return since === null
    ? trans.__('after %1 without work', formatSpan(timeout))
    : trans.__('in %1 (idle)', formatSpan(Math.max(0, since + timeout - now)));
}
