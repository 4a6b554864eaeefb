/**
 * How a status looks and what it is called: a shape and a word, so that colour alone says nothing.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX } from 'react';

import type { ClusterStatus, RunStatus } from '../feed';
import { countRunning } from '../machines';

type Look = 'busy' | 'up' | 'done' | 'waiting' | 'failed' | 'off' | 'unknown';

const LOOKS: Record<ClusterStatus | RunStatus, Look> = {
  starting: 'busy',
  running: 'up',
  stopping: 'busy',
  stopped: 'off',
  failed: 'failed',
  queued: 'waiting',
  done: 'done',
  interrupted: 'off',
  lost: 'unknown'
};

const PATHS: Record<Look, string> = {
  busy: 'M8 2.5a5.5 5.5 0 1 0 5.5 5.5',
  up: 'M8 4.5a3.5 3.5 0 1 0 0 7a3.5 3.5 0 1 0 0-7z',
  done: 'M3 8.5l3.2 3.2l6.8-7.2',
  waiting: 'M8 3.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9zM8 5.5v2.7l1.8 1.3',
  failed: 'M4 4l8 8M12 4l-8 8',
  off: 'M4.5 4.5h7v7h-7z',
  unknown: 'M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.8-1.1 1.6M8 12.2v.6'
};

interface IStatusIconProps {
  readonly status: ClusterStatus | RunStatus;
  /** Whether it is a run: running means that it turns, not that it is there. */
  readonly isRun?: boolean;
  /** Seconds: a busy one turns a little with each; without it, all the time. */
  readonly now?: number;
  readonly label: string;
}

/** In how many steps it turns round. */
const TURN = 8;

/** A small picture of a status, with its name for those who do not see it. */
export function StatusIcon(props: IStatusIconProps): JSX.Element {
  const { status, isRun, now, label } = props;
  const look = isRun && status === 'running' ? 'busy' : LOOKS[status];
  const ticks = look === 'busy' && now !== undefined;
  return (
    <svg
      className={`jp-scale-StatusIcon jp-scale-mod-${look} ${ticks ? 'jp-scale-mod-ticks' : ''}`}
      style={
        ticks ? { rotate: `${(360 / TURN) * (Math.floor(now) % TURN)}deg` } : undefined
      }
      viewBox="0 0 16 16"
      role="img"
      aria-label={label}
    >
      <title>{label}</title>
      <path d={PATHS[look]} />
    </svg>
  );
}

/** The word for a cluster's or a node's status. */
export function clusterLabel(status: ClusterStatus, trans: TranslationBundle): string {
  switch (status) {
    case 'starting':
      return trans.__('Starting');
    case 'running':
      return trans.__('Running');
    case 'stopping':
      return trans.__('Stopping');
    case 'stopped':
      return trans.__('Stopped');
    case 'failed':
      return trans.__('Failed');
  }
}

/** For instance `20 nodes`, or `18 of 20 nodes` while the others start or have failed. */
export function nodesText(
  nodes: readonly { status: ClusterStatus }[],
  trans: TranslationBundle
): string {
  const running = countRunning(nodes);
  return running === nodes.length
    ? trans._n('%1 node', '%1 nodes', running)
    : trans._n('%2 of %1 node', '%2 of %1 nodes', nodes.length, running);
}

/** The word for a run's status. */
export function runLabel(status: RunStatus, trans: TranslationBundle): string {
  switch (status) {
    case 'queued':
      return trans.__('Queued');
    case 'running':
      return trans.__('Running');
    case 'done':
      return trans.__('Done');
    case 'failed':
      return trans.__('Failed');
    case 'interrupted':
      return trans.__('Interrupted');
    case 'lost':
      return trans.__('Lost: its runner is gone');
  }
}
