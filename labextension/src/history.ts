/**
 * The short history of each node's load, for sparklines: what came through the feed, not more.
 */
import type { IClusterView, INodeView } from './feed';

/** So many samples are kept of each node. */
export const HISTORY_LENGTH = 60;

/** One sample stands for so long; what comes sooner is left out. */
const SPACING_MS = 1000;

/** Load as part of all a node's workers could do, from 0 to 1; null when it is not known. */
export function loadOf({ cpu_percent: cpu, workers }: INodeView): number | null {
  return cpu === null ? null : Math.min(1, cpu / (100 * Math.max(1, workers)));
}

/** A load, or null where it was not known: nobody watched then. */
export type Load = number | null;

/** Collects samples; each node's array is a new one when it grew, the same one otherwise. */
export class LoadHistory {
  /**
   * Take samples from those clusters that are new since the last call.
   *
   * The feed is silent while nothing changes, so a gap is filled with the sample before it.
   *
   * @param nowMs - by the server's clock.
   */
  record(clusters: readonly IClusterView[], nowMs: number): void {
    for (const id of this._tracks.keys()) {
      if (!clusters.some(cluster => cluster.id === id)) {
        this._tracks.delete(id);
      }
    }
    for (const cluster of clusters) {
      const known = this._tracks.get(cluster.id);
      const track = known && known.atMs <= nowMs ? known : undefined; // else a clock was set back
      const steps = track ? Math.round((nowMs - track.atMs) / SPACING_MS) : 1;
      if (track?.view === cluster || steps < 1) {
        continue;
      }
      const loads = new Map(
        cluster.nodes.map(node => [
          node.name,
          extend(track?.loads.get(node.name), node, steps)
        ])
      );
      this._tracks.set(cluster.id, { view: cluster, atMs: nowMs, loads });
    }
  }

  /** The last samples of one node, oldest first. */
  of(cluster: string, node: string): readonly Load[] {
    return this._tracks.get(cluster)?.loads.get(node) ?? NOTHING;
  }

  private readonly _tracks = new Map<string, ITrack>();
}

interface ITrack {
  readonly view: IClusterView;
  readonly atMs: number;
  readonly loads: ReadonlyMap<string, readonly Load[]>;
}

const NOTHING: readonly Load[] = [];

function extend(
  before: readonly Load[] = NOTHING,
  node: INodeView,
  steps: number
): readonly Load[] {
  const last = before.at(-1);
  const gap = last === undefined ? 0 : Math.min(steps - 1, HISTORY_LENGTH);
  return [...before, ...Array<Load>(gap).fill(last ?? null), loadOf(node)].slice(
    -HISTORY_LENGTH
  );
}
