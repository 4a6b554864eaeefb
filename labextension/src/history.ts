/**
 * The short history of each node's load, for sparklines: what came through the feed, not more.
 */
import type { ClusterView, NodeView } from './feed';

/** So many samples are kept of each node. */
export const HISTORY_LENGTH = 60;

/** Samples closer than this are one. */
const SPACING_MS = 900;

/** Load as part of all a node's workers could do, from 0 to 1; null when it is not known. */
export function loadOf({ cpu_percent: cpu, workers }: NodeView): number | null {
  return cpu === null ? null : Math.min(1, cpu / (100 * Math.max(1, workers)));
}

/** Collects samples; each node's array is a new one when it grew, the same one otherwise. */
export class LoadHistory {
  /** Take samples from those clusters that are new since the last call. */
  record(clusters: readonly ClusterView[], nowMs: number): void {
    for (const id of this._tracks.keys()) {
      if (!clusters.some(cluster => cluster.id === id)) {
        this._tracks.delete(id);
      }
    }
    for (const cluster of clusters) {
      const track = this._tracks.get(cluster.id);
      if (track?.view === cluster || (track && nowMs - track.atMs < SPACING_MS)) {
        continue;
      }
      const loads = new Map(
        cluster.nodes.map(node => [node.name, extend(track?.loads.get(node.name), node)])
      );
      this._tracks.set(cluster.id, { view: cluster, atMs: nowMs, loads });
    }
  }

  /** The last samples of one node, oldest first. */
  of(cluster: string, node: string): readonly number[] {
    return this._tracks.get(cluster)?.loads.get(node) ?? NOTHING;
  }

  private readonly _tracks = new Map<string, ITrack>();
}

interface ITrack {
  readonly view: ClusterView;
  readonly atMs: number;
  readonly loads: ReadonlyMap<string, readonly number[]>;
}

const NOTHING: readonly number[] = [];

function extend(before: readonly number[] = NOTHING, node: NodeView): readonly number[] {
  const load = loadOf(node);
  return load === null ? before : [...before.slice(1 - HISTORY_LENGTH), load];
}
