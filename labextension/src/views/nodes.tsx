/**
 * The section of the nodes: their load, in numbers, bars and a short history.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { type JSX, memo } from 'react';

import type { IClusterView, IGpuView, INodeView } from '../feed';
import { formatBytes, formatBytesOf, formatPercent } from '../format';
import { HISTORY_LENGTH, type Load as Sample, loadOf } from '../history';
import type { IPanelContext, ISectionProps } from './context';
import { Meter, Sparkline } from './meter';
import { clusterLabel, StatusIcon } from './status';

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

function ClusterNodes({ cluster, context, isNamed }: IClusterNodesProps): JSX.Element {
  return (
    <>
      {isNamed && (
        <h3 className="jp-scale-Group" title={cluster.name}>
          {cluster.name}
        </h3>
      )}
      <ul className="jp-scale-List">
        {cluster.nodes.map(node => (
          <Node
            key={node.name}
            node={node}
            samples={context.history.of(cluster.id, node.name)}
            trans={context.trans}
          />
        ))}
      </ul>
    </>
  );
}

interface INodeProps {
  readonly node: INodeView;
  readonly samples: readonly Sample[];
  readonly trans: TranslationBundle;
}

/** One node; drawn again only when it or its history changed. */
const Node = memo(function Node({ node, samples, trans }: INodeProps): JSX.Element {
  const { name, status, gpus } = node;
  return (
    <li className="jp-scale-Node" aria-label={name}>
      <div className="jp-scale-Row">
        <StatusIcon status={status} label={clusterLabel(status, trans)} />
        <span className="jp-scale-Name" title={name}>
          {name}
        </span>
        <Sparkline samples={samples} length={HISTORY_LENGTH} />
        <span className="jp-scale-Aside">{workersText(node, trans)}</span>
      </div>
      <Load node={node} trans={trans} />
      {gpus.map(gpu => (
        <Gpu key={gpu.index} gpu={gpu} trans={trans} />
      ))}
    </li>
  );
});

function workersText(node: INodeView, trans: TranslationBundle): string {
  const { workers, workers_wanted: wanted } = node;
  return workers === wanted
    ? trans._n('%1 worker', '%1 workers', workers)
    : trans.__('%1 of %2 workers', workers, wanted);
}

interface ILoadProps {
  readonly node: INodeView;
  readonly trans: TranslationBundle;
}

function Load({ node, trans }: ILoadProps): JSX.Element {
  const { cpu_percent: cpu, memory_used_bytes: used, memory_limit_bytes: limit } = node;
  const load = loadOf(node);
  return (
    <>
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
          text={limit ? formatBytesOf(used, limit) : formatBytes(used)}
          part={limit ? Math.min(1, used / limit) : null}
          isScarce
        />
      )}
    </>
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
