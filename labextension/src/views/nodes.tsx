/**
 * The section of the nodes: a table where there is room for one, else cards; each leads to its page.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { type JSX, useCallback, useEffect, useMemo, useState } from 'react';

import type { IClusterView, INodeId } from '../feed';
import { machinesOf } from '../machines';
import { type Entry, entriesOf, type ISort, type SortKey } from '../nodelist';
import type { ISectionProps } from './context';
import { type INodeProps, NodeCard } from './nodecard';
import { NodeTable } from './nodetable';
import { nodesText } from './status';
import { type IWindowed, useWindowed } from './windowed';

/** From this width on there is room for a table. */
const TABLE_WIDTH = 520;

/** From so many on, each is small: both bars in one line. */
const MANY = 9;

/** So many GPUs of a cluster are shown each; of more, only those that are unfolded. */
const FEW_GPUS = 16;

const CARD_HEIGHT = 62;
const ROW_HEIGHT = 29;

type NodeEntry = Entry & { readonly kind: 'node' };

/** All nodes. */
export function Nodes({ context, state, now, show }: ISectionProps): JSX.Element {
  const { history, openNode, trans } = context;
  const [sort, setSort] = useState<ISort | null>(null);
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set());
  const clusters = state?.clusters ?? NONE;
  const entries = useMemo(() => entriesOf(clusters, sort), [clusters, sort]);
  const ids = useMemo(() => entries.map(({ id }) => id), [entries]);
  const windowed = useWindowed<HTMLDivElement>(ids, guessHeight);
  useShown(entries, windowed, show);
  const onToggle = useCallback((id: string) => {
    setToggled(before => {
      const after = new Set(before);
      if (!after.delete(id)) {
        after.add(id);
      }
      return after;
    });
  }, []);
  const messages = useMemo(() => messagesOf(clusters), [clusters]);
  const handlers = useMemo(() => new Map<string, IHandlers>(), [onToggle, openNode]);
  const second = Math.floor(now);

  const propsOf = ({ id, cluster, node }: NodeEntry): INodeProps => {
    let own = handlers.get(id);
    if (!own) {
      own = {
        onToggle: () => onToggle(id),
        onOpen: () => openNode(cluster.id, node.name)
      };
      handlers.set(id, own);
    }
    return {
      cluster: cluster.id,
      node,
      message: messages.get(id) ?? '',
      history,
      now: second,
      isDense: cluster.nodes.length >= MANY,
      isOpen: toggled.has(id) !== countGpus(cluster) <= FEW_GPUS,
      ...own,
      trans
    };
  };
  const onSort = (key: SortKey): void => setSort(before => nextSort(before, key));
  const onChoose = (key: SortKey | null): void => setSort(key && nextSort(null, key));
  return (
    <div ref={windowed.listRef} className="jp-scale-Nodes">
      {entries.length === 0 && (
        <p className="jp-scale-Hint">{trans.__('The nodes of a cluster appear here.')}</p>
      )}
      {entries.length > 0 &&
        (windowed.width >= TABLE_WIDTH ? (
          <NodeTable {...{ entries, windowed, sort, onSort, propsOf, trans }} />
        ) : (
          <NodeCards {...{ entries, windowed, sort, onChoose, propsOf, trans }} />
        ))}
    </div>
  );
}

const NONE: readonly IClusterView[] = [];

function guessHeight(width: number): number {
  return width >= TABLE_WIDTH ? ROW_HEIGHT : CARD_HEIGHT;
}

interface IHandlers {
  readonly onToggle: () => void;
  readonly onOpen: () => void;
}

/** Up first for names, down first for numbers; the third click is the profile's order again. */
function nextSort(before: ISort | null, key: SortKey): ISort | null {
  const first = key !== 'name' && key !== 'pool' && key !== 'status';
  if (before?.key !== key) {
    return { key, isDown: first };
  }
  return before.isDown === first ? { key, isDown: !first } : null;
}

/** Tell the feed which nodes are on the screen, when that changed. */
function useShown(
  entries: readonly Entry[],
  { range, width }: IWindowed<HTMLDivElement>,
  show: (nodes: readonly INodeId[]) => void
): void {
  const nodes = entries
    .slice(range.first, width > 0 ? range.end : range.first)
    .filter(entry => entry.kind === 'node')
    .map(({ cluster, node }): INodeId => [cluster.id, node.name]);
  const key = JSON.stringify(nodes);
  useEffect(() => show(JSON.parse(key) as INodeId[]), [key, show]);
}

/** What machines do that start in a cluster which runs: while it starts, it lists them itself. */
function messagesOf(clusters: readonly IClusterView[]): ReadonlyMap<string, string> {
  return new Map(
    clusters
      .filter(({ status }) => status === 'running')
      .flatMap(cluster =>
        machinesOf(cluster).map(({ name, message }) => [`${cluster.id}/${name}`, message])
      )
  );
}

function countGpus({ nodes }: IClusterView): number {
  return nodes.reduce((sum, { gpu }) => sum + (gpu?.[0] ?? 0), 0);
}

interface INodeCardsProps {
  readonly entries: readonly Entry[];
  readonly windowed: IWindowed<HTMLDivElement>;
  readonly sort: ISort | null;
  readonly onChoose: (key: SortKey | null) => void;
  readonly propsOf: (entry: NodeEntry) => INodeProps;
  readonly trans: TranslationBundle;
}

/** Cards below headings; each run of them is a list. */
function NodeCards(props: INodeCardsProps): JSX.Element {
  const { entries, windowed, sort, onChoose, propsOf, trans } = props;
  const { range, measure } = windowed;
  const all = entries.filter(({ kind }) => kind === 'node').length;
  const parts: JSX.Element[] = [];
  let cards: JSX.Element[] = [];
  const close = (id: string, label: string): void => {
    if (cards.length > 0) {
      parts.push(
        <ul key={`${id} nodes`} className="jp-scale-List" aria-label={label}>
          {cards}
        </ul>
      );
      cards = [];
    }
  };
  let label = '';
  entries.slice(range.first, range.end).forEach((entry, index) => {
    if (entry.kind === 'node') {
      const { cluster, node } = entry;
      label = sort ? cluster.name : `${cluster.name}: ${node.pool}`;
      cards.push(
        <li
          key={entry.id}
          ref={measure(entry.id)}
          className="jp-scale-Node"
          aria-label={node.name}
          aria-posinset={placeOf(entries, range.first + index)}
          aria-setsize={all}
        >
          <NodeCard {...propsOf(entry)} />
        </li>
      );
      return;
    }
    close(entry.id, label);
    parts.push(<Heading key={entry.id} entry={entry} measure={measure} trans={trans} />);
  });
  close('last', label);
  return (
    <>
      {all > 3 && <SortChoice sort={sort} onChoose={onChoose} trans={trans} />}
      <div style={{ height: range.before }} />
      {parts}
      <div style={{ height: range.after }} />
    </>
  );
}

function placeOf(entries: readonly Entry[], index: number): number {
  let place = 0;
  for (let before = 0; before <= index; before++) {
    place += entries[before]?.kind === 'node' ? 1 : 0;
  }
  return place;
}

interface IHeadingProps {
  readonly entry: Exclude<Entry, NodeEntry>;
  readonly measure: IWindowed<HTMLDivElement>['measure'];
  readonly trans: TranslationBundle;
}

function Heading({ entry, measure, trans }: IHeadingProps): JSX.Element {
  if (entry.kind === 'cluster') {
    const { name } = entry.cluster;
    return (
      <h3 ref={measure(entry.id)} className="jp-scale-Group" title={name}>
        {name}
      </h3>
    );
  }
  return (
    <h4 ref={measure(entry.id)} className="jp-scale-Pool" title={entry.pool}>
      <span className="jp-scale-Name">{entry.pool}</span>
      <span className="jp-scale-Aside">{nodesText(entry.nodes, trans)}</span>
    </h4>
  );
}

interface ISortChoiceProps {
  readonly sort: ISort | null;
  readonly onChoose: (key: SortKey | null) => void;
  readonly trans: TranslationBundle;
}

/** Cards have no heads of columns to click on. */
function SortChoice({ sort, onChoose, trans }: ISortChoiceProps): JSX.Element {
  const choices: readonly (readonly [SortKey, string])[] = [
    ['name', trans.__('Name')],
    ['status', trans.__('State')],
    ['workers', trans.__('Busy workers')],
    ['cpu', trans.__('CPU')],
    ['memory', trans.__('Memory')],
    ['network', trans.__('Network')],
    ['disk', trans.__('Disk')],
    ['gpu', trans.__('GPU')],
    ['heat', trans.__('Temperature')]
  ];
  return (
    <label className="jp-scale-Sort">
      {trans.__('Sort by')}
      <select
        className="jp-scale-Select"
        value={sort?.key ?? ''}
        onChange={event => onChoose((event.target.value || null) as SortKey | null)}
      >
        <option value="">{trans.__('Pool')}</option>
        {choices.map(([key, label]) => (
          <option key={key} value={key}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}
