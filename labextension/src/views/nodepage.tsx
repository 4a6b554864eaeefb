/**
 * The page of one node: who it is, its load of the last half hour, what runs, its log.
 */
import { copyIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import { type JSX, useCallback, useEffect, useState } from 'react';

import type { IClusterView, INodeView } from '../feed';
import { formatBytes, formatBytesOf, formatPercent, formatRate } from '../format';
import { LONG_S, loadOf, type Series } from '../history';
import { isActive } from '../runs';
import { Chart } from './chart';
import type { IPageProps, IPanelContext } from './context';
import { ErrorText } from './errortext';
import { Gpu } from './gpus';
import { IconButton } from './iconbutton';
import { LogView } from './logview';
import { diskText, networkText, workersText } from './nodecard';
import { NodeTasks } from './nodetasks';
import { Run } from './run';
import { clusterLabel, StatusIcon } from './status';

/** All of a node; what is not there any more is said, and its history stays. */
export function NodePage(props: IPageProps<'node'>): JSX.Element {
  const { context, state, now, show, which, tape } = props;
  const { cluster: clusterId, node: nodeName } = which;
  const { trans } = context;
  useEffect(() => show([[clusterId, nodeName]]), [show, clusterId, nodeName]);
  const cluster = state?.clusters.find(({ id }) => id === clusterId);
  const node = cluster?.nodes.find(({ name }) => name === nodeName);
  if (!cluster || !node) {
    return (
      <p className="jp-scale-Hint">
        {state
          ? trans.__('There is no node %1 any more.', nodeName)
          : trans.__('Waiting for the server…')}
      </p>
    );
  }
  const runs =
    state?.runs.filter(run => run.cluster === clusterId && isActive(run)) ?? [];
  return (
    <>
      <Header cluster={cluster} node={node} trans={trans} />
      {node.error && <ErrorText brief={node.error} text={node.error} />}
      <Charts cluster={cluster} node={node} context={context} now={now} />
      <h3>{trans.__('GPUs')}</h3>
      <Gpus cluster={cluster} node={node} context={context} now={now} />
      <h3>{trans.__('Cells at work')}</h3>
      {runs.length > 0 ? (
        <ul className="jp-scale-List" aria-label={trans.__('Cells at work')}>
          {runs.map(run => (
            <Run key={run.id} run={run} context={context} now={now} />
          ))}
        </ul>
      ) : (
        <p className="jp-scale-Hint">{trans.__('No cell runs on this cluster.')}</p>
      )}
      <h3>{trans.__('Its tasks')}</h3>
      <NodeTasks
        lanes={tape.lanesOf(nodeName)}
        runs={tape.runs}
        state={state}
        now={now}
        trans={trans}
      />
      <h3>{trans.__('Log')}</h3>
      <NodeLog clusterId={clusterId} node={node} context={context} />
    </>
  );
}

interface IHeaderProps {
  readonly cluster: IClusterView;
  readonly node: INodeView;
  readonly trans: TranslationBundle;
}

function Header({ cluster, node, trans }: IHeaderProps): JSX.Element {
  const { name, status, pool, ssh } = node;
  const facts = [
    clusterLabel(status, trans),
    cluster.name,
    trans.__('pool %1', pool),
    workersText(node, trans)
  ].filter(Boolean);
  return (
    <header>
      <h2 className="jp-scale-Row">
        <StatusIcon status={status} label={clusterLabel(status, trans)} />
        {name}
      </h2>
      <p>{facts.join(' · ')}</p>
      {ssh ? (
        <Command text={ssh} trans={trans} />
      ) : (
        <p>{trans.__('On this computer.')}</p>
      )}
    </header>
  );
}

interface ICommandProps {
  readonly text: string;
  readonly trans: TranslationBundle;
}

/** A command with a button that copies it. */
function Command({ text, trans }: ICommandProps): JSX.Element {
  const [isCopied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
  };
  return (
    <p className="jp-scale-Command">
      <code>{text}</code>
      <IconButton
        icon={copyIcon}
        label={trans.__('Copy the command')}
        onClick={() => void copy()}
      />
      <span role="status">{isCopied ? trans.__('Copied') : ''}</span>
    </p>
  );
}

interface IPartProps {
  readonly cluster: IClusterView;
  readonly node: INodeView;
  readonly context: IPanelContext;
  readonly now: number;
}

function Charts({ cluster, node, context, now }: IPartProps): JSX.Element {
  const { history, trans } = context;
  const points = (series: Series): ReturnType<typeof history.long> =>
    history.long(cluster.id, node.name, series, now);
  const { memory_used_bytes: used, memory_limit_bytes: limit } = node;
  const load = loadOf(node);
  const first = points('cpu')[0]?.at ?? now;
  const spanS = SPANS_S.find(span => span >= now - first) ?? LONG_S;
  const shared = { now, spanS, trans };
  return (
    <div className="jp-scale-Charts">
      <Chart
        {...shared}
        title={trans.__('CPU')}
        text={load === null ? '–' : formatPercent(load)}
        lines={[points('cpu')]}
        top={1}
        format={formatPercent}
      />
      <Chart
        {...shared}
        title={trans.__('Memory')}
        text={
          used === null ? '–' : limit ? formatBytesOf(used, limit) : formatBytes(used)
        }
        lines={[points('memory')]}
        top={1}
        format={part => (limit ? formatBytes(part * limit) : formatPercent(part))}
      />
      <Chart
        {...shared}
        title={trans.__('Network')}
        text={dashed(networkText(node, trans), trans)}
        lines={[points('networkIn'), points('networkOut')]}
        format={formatRate}
      />
      <Chart
        {...shared}
        title={trans.__('Disk')}
        text={dashed(diskText(node, trans), trans)}
        lines={[points('diskRead'), points('diskWrite')]}
        format={formatRate}
      />
      {node.gpu && (
        <Chart
          {...shared}
          title={trans.__('GPUs')}
          text={gpusNow(node.gpu, trans)}
          lines={[points('gpu'), points('gpuMemory')]}
          top={1}
          format={formatPercent}
        />
      )}
    </div>
  );
}

/** Charts show what is known: a page that was just opened, two minutes. */
const SPANS_S = [120, 300, 600, LONG_S];

/** The second of two numbers is the dashed line. */
function dashed(text: string, trans: TranslationBundle): string {
  return text ? trans.__('%1 (dashed)', text) : '–';
}

function gpusNow(
  [, busy, used, total]: NonNullable<INodeView['gpu']>,
  trans: TranslationBundle
): string {
  const load = busy === null ? '–' : formatPercent(busy / 100);
  return used === null || !total
    ? load
    : dashed(trans.__('%1, memory %2', load, formatPercent(used / total)), trans);
}

function Gpus({ cluster, node, context, now }: IPartProps): JSX.Element {
  const { history, trans } = context;
  if (node.gpus.length === 0) {
    return (
      <p className="jp-scale-Hint">
        {node.busy === null
          ? trans.__('Nothing is known of this node’s GPUs yet.')
          : trans.__('This node has no GPU, or no NVIDIA driver that tells of it.')}
      </p>
    );
  }
  return (
    <div className="jp-scale-GpuGrid">
      {node.gpus.map((gpu, place) => (
        <Gpu
          key={gpu.index}
          gpu={gpu}
          points={history.recentGpu(cluster.id, node.name, place, now)}
          now={now}
          trans={trans}
        />
      ))}
    </div>
  );
}

interface INodeLogProps {
  readonly clusterId: string;
  readonly node: INodeView;
  readonly context: IPanelContext;
}

function NodeLog({ clusterId, node, context }: INodeLogProps): JSX.Element {
  const { readLog, trans } = context;
  const { name, workers_wanted: workers } = node;
  const read = useCallback(
    (log: string) => readLog(clusterId, name, log),
    [readLog, clusterId, name]
  );
  return <LogView workers={workers} read={read} trans={trans} />;
}
