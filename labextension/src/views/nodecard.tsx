/**
 * One node as a card, for a narrow panel.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { type JSX, memo } from 'react';

import type { INodeView } from '../feed';
import {
  firstLine,
  formatBytes,
  formatBytesOf,
  formatPercent,
  formatRate
} from '../format';
import { type LoadHistory, loadOf } from '../history';
import { ErrorText } from './errortext';
import { Gpu, gpusText } from './gpus';
import { Meter } from './meter';
import { Unfold } from './unfold';
import { clusterLabel, StatusIcon } from './status';

export interface INodeProps {
  readonly cluster: string;
  readonly node: INodeView;
  /** What it does while it starts in a cluster that runs. */
  readonly message: string;
  readonly history: LoadHistory;
  /** Whole Unix seconds: histories move with it. */
  readonly now: number;
  /** Whether there are so many that each has to be small. */
  readonly isDense: boolean;
  /** Whether each of its GPUs is shown. */
  readonly isOpen: boolean;
  readonly onToggle: (node: string) => void;
  readonly onOpen: (node: string) => void;
  readonly trans: TranslationBundle;
}

/** One node; drawn again only when it or the time changed. */
export const NodeCard = memo(function NodeCard(props: INodeProps): JSX.Element {
  const { node, message, isDense, isOpen, onToggle, onOpen, trans } = props;
  const { name, status, error, gpus, workers } = node;
  return (
    <>
      <div className="jp-scale-Row">
        <StatusIcon status={status} label={clusterLabel(status, trans)} />
        <NodeLink name={name} onOpen={onOpen} trans={trans} />
        <span className="jp-scale-Aside">{workersText(node, trans)}</span>
      </div>
      {error && <ErrorText brief={firstLine(error)} text={error} />}
      {status === 'starting' && message && <p className="jp-scale-Detail">{message}</p>}
      {workers > 0 && <Load {...props} />}
      {workers > 0 && !isDense && <Traffic node={node} trans={trans} />}
      {node.gpu && (
        <Unfold
          isOpen={isOpen}
          label={gpusText(node, trans)}
          onToggle={() => onToggle(name)}
        />
      )}
      {isOpen &&
        gpus.map((gpu, place) => <GpuOf key={gpu.index} {...props} place={place} />)}
    </>
  );
});

/** One of a node's GPUs, with its history. */
export function GpuOf(
  props: INodeProps & { readonly place: number }
): JSX.Element | null {
  const { cluster, node, history, now, place, trans } = props;
  const gpu = node.gpus[place];
  return gpu ? (
    <Gpu
      gpu={gpu}
      points={history.recentGpu(cluster, node.name, place, now)}
      now={now}
      trans={trans}
    />
  ) : null;
}

interface INodeLinkProps {
  readonly name: string;
  readonly onOpen: (node: string) => void;
  readonly trans: TranslationBundle;
}

/** A node's name, which leads to its page. */
export function NodeLink({ name, onOpen, trans }: INodeLinkProps): JSX.Element {
  return (
    <button
      className="jp-scale-Link jp-scale-NodeLink"
      type="button"
      title={trans.__('Open the page of %1', name)}
      onClick={() => onOpen(name)}
    >
      <span className="jp-scale-Name">{name}</span>
    </button>
  );
}

/** For instance `2 workers`, or `3/16 busy`. */
export function workersText(node: INodeView, trans: TranslationBundle): string {
  const { status, busy, workers, workers_wanted: wanted } = node;
  if (workers === 0 && (wanted === 0 || status === 'failed')) {
    return ''; // a machine that has not been asked for its cores, or that has none any more
  }
  if (workers !== wanted) {
    return trans.__('%1 of %2 workers', workers, wanted);
  }
  return busy === null
    ? trans._n('%1 worker', '%1 workers', workers)
    : trans._n('%2 of %1 worker busy', '%2 of %1 workers busy', workers, busy);
}

function Load({ cluster, node, history, now, isDense, trans }: INodeProps): JSX.Element {
  const {
    name,
    cpu_percent: cpu,
    memory_used_bytes: used,
    memory_limit_bytes: limit
  } = node;
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
          points={isDense ? undefined : history.recent(cluster, name, 'cpu', now)}
          now={now}
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

interface ITrafficProps {
  readonly node: INodeView;
  readonly trans: TranslationBundle;
}

/** What goes by on the network and the disks of its machine. */
function Traffic({ node, trans }: ITrafficProps): JSX.Element {
  return (
    <>
      <Rates label={trans.__('Network')} text={networkText(node, trans)} />
      <Rates label={trans.__('Disk')} text={diskText(node, trans)} />
    </>
  );
}

function Rates({
  label,
  text
}: {
  readonly label: string;
  readonly text: string;
}): JSX.Element | null {
  return text ? (
    <p className="jp-scale-Meter">
      <span className="jp-scale-Meter-label">{label}</span>
      <span className="jp-scale-Rates" title={text}>
        {text}
      </span>
    </p>
  ) : null;
}

/** For instance `1.2 MB/s in, 30 kB/s out`; empty when it is not known. */
export function networkText(node: INodeView, trans: TranslationBundle): string {
  const { network_in_bytes_per_s: into, network_out_bytes_per_s: out } = node;
  return into === null || out === null
    ? ''
    : trans.__('%1 in, %2 out', formatRate(into), formatRate(out));
}

/** For instance `12 MB/s read, 0 B/s written`. */
export function diskText(node: INodeView, trans: TranslationBundle): string {
  const { disk_read_bytes_per_s: read, disk_write_bytes_per_s: written } = node;
  return read === null || written === null
    ? ''
    : trans.__('%1 read, %2 written', formatRate(read), formatRate(written));
}
