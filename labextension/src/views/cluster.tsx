/**
 * The card of a cluster: what it is and does, what it costs, when it ends, and its buttons.
 */
import { closeIcon, linkIcon, refreshIcon, stopIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX } from 'react';

import type { IClusterView } from '../feed';
import { formatSpan } from '../format';
import { tasksIcon } from '../icons';
import { canRetry, failedNodes, hasEnded } from '../machines';
import { Bill } from './bill';
import type { IPanelContext } from './context';
import { Ending } from './ending';
import { FailedNodes } from './failednodes';
import { Failure } from './errortext';
import { IconButton } from './iconbutton';
import { PoolSizes } from './poolsizes';
import { Start } from './start';
import { clusterLabel, nodesText, StatusIcon } from './status';

/** What the parts of a card are given. */
export interface ICardProps {
  readonly cluster: IClusterView;
  readonly context: IPanelContext;
  readonly now: number;
}

interface IClusterCardProps extends ICardProps {
  /** Whether a cell runs on it; its scheduler notices some seconds later. */
  readonly isAtWork: boolean;
}

export function ClusterCard(props: IClusterCardProps): JSX.Element {
  const { cluster, isAtWork, context, now } = props;
  const { actions, feed, trans } = context;
  const { name, status } = cluster;
  const label = clusterLabel(status, trans);
  const isStuck = actions.isBusy(cluster.id) || feed.isAway;
  const isUp = status === 'running';
  const failed = isUp ? failedNodes(cluster) : [];
  return (
    <li className="jp-scale-Cluster" aria-label={`${name}: ${label}`}>
      <div className="jp-scale-Row">
        <StatusIcon status={status} label={label} />
        <span
          className="jp-scale-Name jp-scale-mod-strong"
          title={`${name} (${cluster.id})`}
        >
          {name}
        </span>
        <Buttons cluster={cluster} context={context} isStuck={isStuck} />
      </div>
      <p className="jp-scale-Detail">{describe(cluster, now, trans)}</p>
      {isUp && <PoolSizes cluster={cluster} context={context} isStuck={isStuck} />}
      {cluster.cost && <Bill cost={cluster.cost} now={now} trans={trans} />}
      {isUp && (
        <Ending cluster={cluster} context={context} now={now} isAtWork={isAtWork} />
      )}
      {cluster.error && <Failure text={cluster.error} trans={trans} />}
      {failed.length > 0 && (
        <FailedNodes
          cluster={cluster}
          nodes={failed}
          context={context}
          isStuck={isStuck}
        />
      )}
      {status === 'starting' && <Start cluster={cluster} trans={trans} />}
    </li>
  );
}

interface IButtonsProps {
  readonly cluster: IClusterView;
  readonly context: IPanelContext;
  readonly isStuck: boolean;
}

function Buttons({ cluster, context, isStuck }: IButtonsProps): JSX.Element {
  const { actions, trans } = context;
  const { name, status, owner } = cluster;
  const notebook = context.attaching.notebook;
  return (
    <>
      {status === 'running' && (
        <IconButton
          icon={tasksIcon}
          label={trans.__('Show the tasks of "%1"', name)}
          onClick={() => context.openTasks(cluster.id)}
        />
      )}
      {status === 'running' && owner === 'server' && notebook && (
        <IconButton
          icon={linkIcon}
          label={trans.__('Use the cluster "%1" in %2', name, notebook)}
          isDisabled={isStuck}
          onClick={() => void actions.attach(cluster)}
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
              : trans.__('Stop the cluster "%1"…', name)
          }
          isDisabled={isStuck}
          onClick={() => void actions.stop(cluster)}
        />
      )}
    </>
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
    isUp && nodes.length > 1 && nodesText(nodes, trans),
    isUp && trans._n('%1 worker', '%1 workers', workers),
    provider === 'local' ? trans.__('this computer') : providerName(provider),
    owner === 'kernel' && trans.__('ends with its notebook’s kernel')
  ]
    .filter(Boolean)
    .join(' · ');
}

function providerName(provider: string): string {
  return provider === 'ssh' || provider === 'aws' ? provider.toUpperCase() : provider;
}
