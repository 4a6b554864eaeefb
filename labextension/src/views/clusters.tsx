/**
 * The section of the clusters: what each is and does, and the way to the first one.
 */
import { closeIcon, refreshIcon, stopIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX } from 'react';

import type { IClusterView } from '../feed';
import { firstLine, formatSpan } from '../format';
import { workersIcon } from '../icons';
import { canRetry } from '../machines';
import { MAGIC } from '../magic';
import { isActive } from '../runs';
import type { IPanelContext, ISectionProps } from './context';
import { ErrorText } from './errortext';
import { IconButton } from './iconbutton';
import { Start } from './start';
import { clusterLabel, nodesText, StatusIcon } from './status';

/** All clusters; without a living one, how to begin. */
export function Clusters({ context, state, now }: ISectionProps): JSX.Element {
  const { trans } = context;
  if (!state) {
    return <p className="jp-scale-Hint">{trans.__('Waiting for the server…')}</p>;
  }
  const { clusters, runs } = state;
  const atWork = new Set(runs.filter(isActive).map(({ cluster }) => cluster));
  return (
    <>
      <ul className="jp-scale-List">
        {clusters.map(cluster => (
          <Cluster
            key={cluster.id}
            cluster={cluster}
            isAtWork={atWork.has(cluster.id)}
            context={context}
            now={now}
          />
        ))}
      </ul>
      {clusters.every(hasEnded) && <Beginning context={context} />}
    </>
  );
}

function Beginning({ context }: { readonly context: IPanelContext }): JSX.Element {
  const { actions, feed, trans } = context;
  const [before = '', after = ''] = trans
    .__('Or just put %1 on a cell and run it.', MAGIC)
    .split(MAGIC);
  return (
    <div className="jp-scale-Beginning">
      <button
        className="jp-scale-StartButton jp-mod-styled jp-mod-accept"
        type="button"
        disabled={actions.isBusy() || feed.status !== 'live'}
        onClick={() => void actions.startLocal()}
      >
        {trans.__('Start a cluster on this computer')}
      </button>
      <p>
        {before}
        <code>{MAGIC}</code>
        {after}
      </p>
    </div>
  );
}

function hasEnded({ status }: IClusterView): boolean {
  return status === 'stopped' || status === 'failed';
}

interface IClusterProps {
  readonly cluster: IClusterView;
  /** Whether a cell runs on it; its scheduler notices some seconds later. */
  readonly isAtWork: boolean;
  readonly context: IPanelContext;
  readonly now: number;
}

function Cluster({ cluster, isAtWork, context, now }: IClusterProps): JSX.Element {
  const { actions, feed, trans } = context;
  const { name, status } = cluster;
  const label = clusterLabel(status, trans);
  const isStuck = actions.isBusy(cluster.id) || feed.status !== 'live';
  const canScale = status === 'running' && cluster.owner === 'server';
  return (
    <li className="jp-scale-Cluster" aria-label={`${name}: ${label}`}>
      <div className="jp-scale-Row">
        <StatusIcon status={status} label={label} />
        <span className="jp-scale-Name" title={`${name} (${cluster.id})`}>
          {name}
        </span>
        {canScale && (
          <IconButton
            icon={workersIcon}
            label={trans.__('Change the number of workers of "%1"', name)}
            isDisabled={isStuck}
            onClick={() => void actions.scale(cluster)}
          />
        )}
        {canRetry(cluster) && (
          <IconButton
            icon={refreshIcon}
            label={
              hasEnded(cluster)
                ? trans.__('Start the cluster "%1" again', name)
                : trans.__('Try the failed nodes of "%1" again', name)
            }
            isDisabled={isStuck}
            onClick={() => void actions.retry(cluster)}
          />
        )}
        {status !== 'stopping' && (
          <IconButton
            icon={hasEnded(cluster) ? closeIcon : stopIcon}
            label={
              hasEnded(cluster)
                ? trans.__('Remove the cluster "%1" from this list', name)
                : trans.__('Stop the cluster "%1"', name)
            }
            isDisabled={isStuck}
            onClick={() => void actions.stop(cluster)}
          />
        )}
      </div>
      <p className="jp-scale-Detail">{describe(cluster, now, trans)}</p>
      {status === 'running' && !isAtWork && (
        <Idle cluster={cluster} now={now} trans={trans} />
      )}
      {cluster.error && (
        <ErrorText brief={firstLine(cluster.error)} text={cluster.error} />
      )}
      {status === 'starting' && <Start cluster={cluster} trans={trans} />}
    </li>
  );
}

/** For instance `Up 3 min · 2 workers · this computer`. */
function describe(cluster: IClusterView, now: number, trans: TranslationBundle): string {
  const { status, nodes, provider, owner } = cluster;
  const age = formatSpan(now - cluster.started_at);
  const isUp = status === 'running';
  const workers = nodes.reduce((sum, node) => sum + node.workers, 0);
  return [
    isUp ? trans.__('Up %1', age) : clusterLabel(status, trans),
    isUp && trans._n('%1 worker', '%1 workers', workers),
    isUp && nodes.length > 1 && nodesText(nodes, trans),
    provider === 'local' ? trans.__('this computer') : provider,
    owner === 'kernel' && trans.__('ends with its notebook’s kernel')
  ]
    .filter(Boolean)
    .join(' · ');
}

interface IIdleProps {
  readonly cluster: IClusterView;
  readonly now: number;
  readonly trans: TranslationBundle;
}

/** How long an idle cluster will wait for work. */
function Idle({ cluster, now, trans }: IIdleProps): JSX.Element | null {
  const { idle_since: since, idle_timeout_s: timeout } = cluster;
  if (since === null) {
    return null;
  }
  const text =
    timeout === null
      ? trans.__('Idle for %1', formatSpan(now - since))
      : trans.__('Idle: stops in %1', formatSpan(Math.max(0, since + timeout - now)));
  return <p className="jp-scale-Detail">{text}</p>;
}
