/**
 * The nodes as a list or a table shows them: in the profile's order by pool, or sorted. Pure.
 */
import type { IClusterView, INodeView } from './feed';
import { loadOf } from './history';
import { poolsOf } from './machines';

/** What nodes can be sorted by. */
export type SortKey =
  | 'name'
  | 'pool'
  | 'status'
  | 'workers'
  | 'cpu'
  | 'memory'
  | 'network'
  | 'disk'
  | 'gpu'
  | 'heat';

/** How they are sorted; null is the order of the profile, pool by pool. */
export interface ISort {
  readonly key: SortKey;
  readonly isDown: boolean;
}

/** One entry of the list. */
export type Entry =
  | { readonly kind: 'cluster'; readonly id: string; readonly cluster: IClusterView }
  | {
      readonly kind: 'pool';
      readonly id: string;
      readonly cluster: IClusterView;
      readonly pool: string;
      readonly nodes: readonly INodeView[];
    }
  | {
      readonly kind: 'node';
      readonly id: string;
      readonly cluster: IClusterView;
      readonly node: INodeView;
    };

/** The entries for all clusters that have nodes; headings only where there is a choice. */
export function entriesOf(
  clusters: readonly IClusterView[],
  sort: ISort | null
): readonly Entry[] {
  const inhabited = clusters.filter(({ nodes }) => nodes.length > 0);
  return inhabited.flatMap(cluster => {
    const { id } = cluster;
    const heading: readonly Entry[] =
      inhabited.length > 1 ? [{ kind: 'cluster', id, cluster }] : [];
    return [...heading, ...(sort ? sorted(cluster, sort) : pooled(cluster))];
  });
}

function pooled(cluster: IClusterView): readonly Entry[] {
  const pools = poolsOf(cluster.nodes);
  return pools.flatMap(({ name: pool, nodes }) => {
    const heading: readonly Entry[] =
      pools.length > 1
        ? [{ kind: 'pool', id: `${cluster.id}//${pool}`, cluster, pool, nodes }]
        : [];
    return [...heading, ...nodes.map(node => entryOf(cluster, node))];
  });
}

function sorted(cluster: IClusterView, { key, isDown }: ISort): readonly Entry[] {
  const sign = isDown ? -1 : 1;
  const ranked = cluster.nodes.map(node => ({ node, rank: rankOf(node, key) }));
  ranked.sort((a, b) => {
    if (a.rank === null || b.rank === null) {
      return Number(a.rank === null) - Number(b.rank === null); // unknown ones last, both ways
    }
    const order =
      typeof a.rank === 'string' || typeof b.rank === 'string'
        ? collator.compare(String(a.rank), String(b.rank))
        : a.rank - b.rank;
    return sign * order || collator.compare(a.node.name, b.node.name);
  });
  return ranked.map(({ node }) => entryOf(cluster, node));
}

function entryOf(cluster: IClusterView, node: INodeView): Entry {
  return { kind: 'node', id: `${cluster.id}/${node.name}`, cluster, node };
}

/** As people count: node2 comes before node10. */
const collator = new Intl.Collator(undefined, { numeric: true });

function rankOf(node: INodeView, key: SortKey): number | string | null {
  switch (key) {
    case 'name':
      return node.name;
    case 'pool':
      return node.pool;
    case 'status':
      return node.status;
    case 'workers':
      return node.busy;
    case 'cpu':
      return loadOf(node);
    case 'memory':
      return node.memory_used_bytes;
    case 'network':
      return sum(node.network_in_bytes_per_s, node.network_out_bytes_per_s);
    case 'disk':
      return sum(node.disk_read_bytes_per_s, node.disk_write_bytes_per_s);
    case 'gpu':
      return node.gpu?.[1] ?? null;
    case 'heat':
      return node.gpu?.[4] ?? null;
  }
}

function sum(a: number | null, b: number | null): number | null {
  return a === null && b === null ? null : (a ?? 0) + (b ?? 0);
}

/** Which entries are to be drawn, and how much room those before and after them take. */
export interface IWindow {
  readonly first: number;
  /** Behind the last one. */
  readonly end: number;
  readonly before: number;
  readonly after: number;
}

/**
 * The entries of a list that can be seen.
 *
 * @param heights - of all entries, in pixels.
 * @param top - how far the list is scrolled; negative while something else is above it.
 * @param height - of what can be seen.
 * @param margin - so much more is drawn above and below, so that nothing is missing for a moment.
 */
export function windowOf(
  heights: readonly number[],
  top: number,
  height: number,
  margin: number
): IWindow {
  let before = 0;
  let first = 0;
  while (first < heights.length && before + (heights[first] ?? 0) <= top - margin) {
    before += heights[first] ?? 0;
    first += 1;
  }
  let below = before;
  let end = first;
  while (end < heights.length && below < top + height + margin) {
    below += heights[end] ?? 0;
    end += 1;
  }
  const total = heights.reduce((all, each) => all + each, 0);
  return { first, end, before, after: total - below };
}
