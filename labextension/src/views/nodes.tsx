/**
 * The section of the nodes: their load, in numbers, bars and a short history.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { Fragment, type JSX, memo } from 'react';

import type { IClusterView, IGpuView, INodeView } from '../feed';
import { firstLine, formatBytes, formatBytesOf, formatPercent } from '../format';
import { HISTORY_LENGTH, type Load as Sample, loadOf } from '../history';
import { machinesOf, poolsOf } from '../machines';
import type { IPanelContext, ISectionProps } from './context';
import { ErrorText } from './errortext';
import { Meter, Sparkline } from './meter';
import { clusterLabel, nodesText, StatusIcon } from './status';

/** From so many nodes on, each is shown in two lines. */
const MANY = 6;

/** All nodes, below the name of their cluster where there are several. */
export function Nodes({ context, state }: ISectionProps): JSX.Element {
  const { trans } = context;
  const clusters = (state?.clusters ?? []).filter(({ nodes }) => nodes.length > 0);
  if (clusters.length === 0) {
    return (
      <p className="jp-scale-Hint">{trans.__('The nodes of a cluster appear here.')}</p>
    );
  }
  return (
    <>
      {clusters.map(cluster => (
        <ClusterNodes
          key={cluster.id}
          cluster={cluster}
          context={context}
          isNamed={clusters.length > 1}
        />
      ))}
    </>
  );
}

interface IClusterNodesProps {
  readonly cluster: IClusterView;
  readonly context: IPanelContext;
  readonly isNamed: boolean;
}

/** The nodes of one cluster, below the names of its pools where there are several. */
function ClusterNodes({ cluster, context, isNamed }: IClusterNodesProps): JSX.Element {
  const { history, trans } = context;
  const pools = poolsOf(cluster.nodes);
  // While the cluster starts, its machines are listed there with what they do.
  const machines = cluster.status === 'running' ? machinesOf(cluster) : [];
  const messages = new Map(machines.map(({ name, message }) => [name, message]));
  return (
    <>
      {isNamed && (
        <h3 className="jp-scale-Group" title={cluster.name}>
          {cluster.name}
        </h3>
      )}
      {pools.map(({ name: pool, nodes }) => (
        <Fragment key={pool}>
          {pools.length > 1 && (
            <h4 className="jp-scale-Pool" title={pool}>
              <span className="jp-scale-Name">{pool}</span>
              <span className="jp-scale-Aside">{nodesText(nodes, trans)}</span>
            </h4>
          )}
          <ul className="jp-scale-List" aria-label={`${cluster.name}: ${pool}`}>
            {nodes.map(node => (
              <Node
                key={node.name}
                node={node}
                message={messages.get(node.name) ?? ''}
                samples={history.of(cluster.id, node.name)}
                isDense={cluster.nodes.length >= MANY}
                trans={trans}
              />
            ))}
          </ul>
        </Fragment>
      ))}
    </>
  );
}

interface INodeProps {
  readonly node: INodeView;
  /** What it does while it starts in a cluster that runs. */
  readonly message: string;
  readonly samples: readonly Sample[];
  /** Whether there are so many that each has to be small. */
  readonly isDense: boolean;
  readonly trans: TranslationBundle;
}

/** One node; drawn again only when it or its history changed. */
const Node = memo(function Node(props: INodeProps): JSX.Element {
  const { node, message, samples, isDense, trans } = props;
  const { name, status, error, gpus, workers } = node;
  return (
    <li className="jp-scale-Node" aria-label={name}>
      <div className="jp-scale-Row">
        <StatusIcon status={status} label={clusterLabel(status, trans)} />
        <span className="jp-scale-Name" title={name}>
          {name}
        </span>
        {workers > 0 && <Sparkline samples={samples} length={HISTORY_LENGTH} />}
        <span className="jp-scale-Aside">{workersText(node, trans)}</span>
      </div>
      {error && <ErrorText brief={firstLine(error)} text={error} />}
      {status === 'starting' && message && <p className="jp-scale-Detail">{message}</p>}
      {workers > 0 && <Load node={node} isDense={isDense} trans={trans} />}
      {gpus.map(gpu => (
        <Gpu key={gpu.index} gpu={gpu} trans={trans} />
      ))}
    </li>
  );
});

function workersText(node: INodeView, trans: TranslationBundle): string {
  const { status, workers, workers_wanted: wanted } = node;
  if (workers === 0 && (wanted === 0 || status === 'failed')) {
    return ''; // a machine that has not been asked for its cores, or that has none any more
  }
  return workers === wanted
    ? trans._n('%1 worker', '%1 workers', workers)
    : trans.__('%1 of %2 workers', workers, wanted);
}

interface ILoadProps {
  readonly node: INodeView;
  readonly isDense: boolean;
  readonly trans: TranslationBundle;
}

function Load({ node, isDense, trans }: ILoadProps): JSX.Element {
  const { cpu_percent: cpu, memory_used_bytes: used, memory_limit_bytes: limit } = node;
  const load = loadOf(node);
  const part = used !== null && limit ? Math.min(1, used / limit) : null;
  const bytes =
    used !== null && limit ? formatBytesOf(used, limit) : formatBytes(used ?? 0);
  return (
    <div className={`jp-scale-Loads ${isDense ? 'jp-scale-mod-dense' : ''}`}>
      {cpu !== null && load !== null && (
        <Meter
          label={trans.__('CPU')}
          text={formatPercent(load)}
          part={load}
          title={trans.__(
            '%1 of the %2 cores of its workers are busy',
            (cpu / 100).toFixed(1),
            node.workers
          )}
        />
      )}
      {used !== null && (
        <Meter
          label={trans.__('Memory')}
          shortLabel={isDense ? trans.__('RAM') : undefined}
          text={isDense && part !== null ? formatPercent(part) : bytes}
          part={part}
          title={`${trans.__('Memory')}: ${bytes}`}
          isScarce
        />
      )}
    </div>
  );
}

interface IGpuProps {
  readonly gpu: IGpuView;
  readonly trans: TranslationBundle;
}

/** One GPU: what it does, its memory, and how warm it is. */
function Gpu({ gpu, trans }: IGpuProps): JSX.Element {
  const { index, name, utilisation_percent: busy, temperature_c, power_w } = gpu;
  const { memory_used_bytes: used, memory_total_bytes: total } = gpu;
  const title = trans.__('GPU %1: %2', index, name);
  const facts = [
    temperature_c !== null && `${Math.round(temperature_c)} °C`,
    power_w !== null && `${Math.round(power_w)} W`
  ].filter(Boolean);
  return (
    <div className="jp-scale-Gpu" role="group" aria-label={title}>
      <div className="jp-scale-Row jp-scale-mod-small">
        <span className="jp-scale-Name" title={title}>
          {title}
        </span>
        <span className="jp-scale-Aside">{facts.join(' · ')}</span>
      </div>
      {busy !== null && (
        <Meter
          label={trans.__('Busy')}
          text={formatPercent(busy / 100)}
          part={busy / 100}
        />
      )}
      {used !== null && total !== null && (
        <Meter
          label={trans.__('Memory')}
          text={formatBytesOf(used, total)}
          part={used / total}
          isScarce
        />
      )}
    </div>
  );
}
