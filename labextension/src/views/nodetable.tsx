/**
 * Nodes as a table, where there is room for one.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { type JSX, memo, type ReactNode } from 'react';

import type { INodeView } from '../feed';
import {
  firstLine,
  formatBytes,
  formatBytesOf,
  formatPercent,
  formatRate
} from '../format';
import { loadOf } from '../history';
import type { Entry, ISort, SortKey } from '../nodelist';
import { ErrorText } from './errortext';
import { gpusText } from './gpus';
import { Sparkline } from './meter';
import {
  diskText,
  GpuOf,
  type INodeProps,
  networkText,
  NodeLink,
  workersText
} from './nodecard';
import { clusterLabel, nodesText, StatusIcon } from './status';
import { Unfold } from './unfold';
import type { IWindowed } from './windowed';

interface INodeTableProps {
  readonly entries: readonly Entry[];
  readonly windowed: IWindowed<HTMLDivElement>;
  readonly sort: ISort | null;
  readonly onSort: (key: SortKey) => void;
  readonly propsOf: (entry: Entry & { readonly kind: 'node' }) => INodeProps;
  readonly trans: TranslationBundle;
}

/** All nodes, of which those rows are drawn that can be seen. */
export function NodeTable(props: INodeTableProps): JSX.Element {
  const { entries, windowed, sort, onSort, propsOf, trans } = props;
  const { range, measure } = windowed;
  const hasGpus = entries.some(entry => entry.kind === 'node' && entry.node.gpu);
  const columns = columnsOf(hasGpus, trans);
  return (
    <table className="jp-scale-Table" aria-rowcount={entries.length + 1}>
      <thead>
        <tr aria-rowindex={1}>
          {columns.map(({ key, label }) => (
            <th key={key} scope="col" aria-sort={ariaSort(key, sort)}>
              <button type="button" onClick={() => onSort(key)}>
                {label}
                <span aria-hidden="true">
                  {sort?.key === key ? (sort.isDown ? ' ▾' : ' ▴') : ''}
                </span>
              </button>
            </th>
          ))}
        </tr>
      </thead>
      <Spacer height={range.before} span={columns.length} />
      {entries.slice(range.first, range.end).map((entry, index) => (
        <tbody key={entry.id} ref={measure(entry.id)}>
          {entry.kind === 'node' ? (
            <NodeRow
              {...propsOf(entry)}
              row={range.first + index + 2}
              span={columns.length}
            />
          ) : (
            <tr aria-rowindex={range.first + index + 2}>
              <th className="jp-scale-Group" colSpan={columns.length} scope="rowgroup">
                {entry.kind === 'cluster' ? (
                  entry.cluster.name
                ) : (
                  <>
                    {entry.pool}{' '}
                    <span className="jp-scale-Aside">
                      {nodesText(entry.nodes, trans)}
                    </span>
                  </>
                )}
              </th>
            </tr>
          )}
        </tbody>
      ))}
      <Spacer height={range.after} span={columns.length} />
    </table>
  );
}

interface IColumn {
  readonly key: SortKey;
  readonly label: string;
}

function columnsOf(hasGpus: boolean, trans: TranslationBundle): readonly IColumn[] {
  const columns: readonly IColumn[] = [
    { key: 'name', label: trans.__('Node') },
    { key: 'workers', label: trans.__('Busy') },
    { key: 'cpu', label: trans.__('CPU') },
    { key: 'memory', label: trans.__('Memory') },
    { key: 'network', label: trans.__('Network') },
    { key: 'disk', label: trans.__('Disk') },
    { key: 'gpu', label: trans.__('GPU') }
  ];
  return hasGpus ? columns : columns.slice(0, -1);
}

function ariaSort(
  key: SortKey,
  sort: ISort | null
): 'ascending' | 'descending' | undefined {
  return sort?.key === key ? (sort.isDown ? 'descending' : 'ascending') : undefined;
}

function Spacer({
  height,
  span
}: {
  readonly height: number;
  readonly span: number;
}): JSX.Element | null {
  return height > 0 ? (
    <tbody aria-hidden="true">
      <tr>
        <td className="jp-scale-Spacer" style={{ height }} colSpan={span} />
      </tr>
    </tbody>
  ) : null;
}

interface INodeRowProps extends INodeProps {
  readonly row: number;
  readonly span: number;
}

const NodeRow = memo(function NodeRow(props: INodeRowProps): JSX.Element {
  const {
    cluster,
    node,
    message,
    history,
    now,
    isOpen,
    onToggle,
    onOpen,
    row,
    span,
    trans
  } = props;
  const { name, status, error, gpus, workers, memory_limit_bytes: limit } = node;
  const load = loadOf(node);
  const used = node.memory_used_bytes;
  const isUp = workers > 0;
  return (
    <>
      <tr className="jp-scale-Node" aria-rowindex={row} aria-label={name}>
        <th scope="row">
          <div className="jp-scale-Row">
            <StatusIcon status={status} label={clusterLabel(status, trans)} />
            <NodeLink name={name} onOpen={onOpen} trans={trans} />
          </div>
        </th>
        <td title={workersText(node, trans)}>
          {isUp ? `${node.busy ?? '–'}/${workers}` : ''}
        </td>
        <td>
          {isUp && load !== null && (
            <span className="jp-scale-Number">
              <Sparkline points={history.recent(cluster, name, 'cpu', now)} now={now} />
              {formatPercent(load)}
            </span>
          )}
        </td>
        <td title={used !== null && limit ? formatBytesOf(used, limit) : undefined}>
          {isUp && used !== null && (
            <Bar part={limit ? used / limit : null} text={formatBytes(used)} />
          )}
        </td>
        <td title={networkText(node, trans)}>
          {isUp && rate(node.network_in_bytes_per_s, node.network_out_bytes_per_s)}
        </td>
        <td title={diskText(node, trans)}>
          {isUp && rate(node.disk_read_bytes_per_s, node.disk_write_bytes_per_s)}
        </td>
        {span > 6 && <td>{gpuCell(node, isOpen, onToggle, trans)}</td>}
      </tr>
      {(error || (status === 'starting' && message)) && (
        <tr className="jp-scale-Below">
          <td colSpan={span}>
            {error ? (
              <ErrorText brief={firstLine(error)} text={error} />
            ) : (
              <p className="jp-scale-Detail">{message}</p>
            )}
          </td>
        </tr>
      )}
      {isOpen && gpus.length > 0 && (
        <tr className="jp-scale-Below">
          <td colSpan={span}>
            <div className="jp-scale-GpuGrid">
              {gpus.map((gpu, place) => (
                <GpuOf key={gpu.index} {...props} place={place} />
              ))}
            </div>
          </td>
        </tr>
      )}
    </>
  );
});

function gpuCell(
  node: INodeView,
  isOpen: boolean,
  onToggle: (node: string) => void,
  trans: TranslationBundle
): ReactNode {
  return node.gpu ? (
    <Unfold
      isOpen={isOpen}
      label={gpusText(node, trans)}
      onToggle={() => onToggle(node.name)}
    />
  ) : null;
}

/** Both ways together, in short; the title tells them apart. */
function rate(one: number | null, other: number | null): string {
  return one === null && other === null ? '–' : formatRate((one ?? 0) + (other ?? 0));
}

function Bar({
  part,
  text
}: {
  readonly part: number | null;
  readonly text: string;
}): JSX.Element {
  const percent = Math.round(100 * Math.min(1, part ?? 0));
  return (
    <span className="jp-scale-Number">
      <span className="jp-scale-Bar" aria-hidden="true">
        <span
          className={percent > 90 ? 'jp-scale-mod-full' : undefined}
          style={{ width: `${percent}%` }}
        />
      </span>
      {text}
    </span>
  );
}
