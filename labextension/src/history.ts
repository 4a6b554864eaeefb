/**
 * The history of each node's load: what came through the feed, bounded in time and in memory.
 *
 * The feed is silent while nothing changes, so that a number holds until the next one; where nobody
 * watched, nothing is known, and that is a hole.
 */
import type { ILoadRow, ILoads, INodeView } from './feed';

/** Sparklines show so much, with a sample for each second. */
export const RECENT_S = 120;

/** A node's page shows so much, with a sample for each `LONG_STEP_S`. */
export const LONG_S = 1800;

const LONG_STEP_S = 10;

/** What is kept of a node. */
export const SERIES = [
  'cpu',
  'memory',
  'networkIn',
  'networkOut',
  'diskRead',
  'diskWrite',
  'gpu',
  'gpuMemory'
] as const;

/** One number of a node's load. */
export type Series = (typeof SERIES)[number];

/** Load as part of all a node's workers could do, from 0 to 1; null when it is not known. */
export function loadOf({ cpu_percent: cpu, workers }: INodeView): number | null {
  return cpu === null ? null : Math.min(1, cpu / (100 * Math.max(1, workers)));
}

/** A value at a moment in Unix seconds; null from when on it was not known. */
export interface IPoint {
  readonly at: number;
  readonly value: number | null;
}

/** Some numbers that change together; the oldest are overwritten. */
class Track {
  constructor(
    readonly width: number,
    private readonly _capacity: number
  ) {
    this._times = new Float64Array(_capacity);
    this._values = new Float32Array(_capacity * width);
  }

  push(at: number, values: readonly (number | null)[]): void {
    const slot = this._count % this._capacity;
    this._times[slot] = at;
    for (let column = 0; column < this.width; column++) {
      this._values[slot * this.width + column] = values[column] ?? NaN;
    }
    this._count += 1;
  }

  /** When something was last noted; long ago if never. */
  get lastAt(): number {
    return this._count > 0
      ? (this._times[(this._count - 1) % this._capacity] ?? -Infinity)
      : -Infinity;
  }

  /** The points of one column from then on, with the one before: it held until the next. */
  points(column: number, from: number): IPoint[] {
    const found: IPoint[] = [];
    const oldest = Math.max(0, this._count - this._capacity);
    for (let index = this._count - 1; index >= oldest; index--) {
      const slot = index % this._capacity;
      const value = this._values[slot * this.width + column] ?? NaN;
      const at = this._times[slot] ?? 0;
      found.push({ at, value: Number.isNaN(value) ? null : value });
      if (at < from) {
        break;
      }
    }
    return found.reverse();
  }

  private _count = 0;
  private readonly _times: Float64Array;
  private readonly _values: Float32Array;
}

interface INodeTracks {
  readonly recent: Track;
  readonly long: Track;
  /** The load of each GPU. */
  gpus: Track | null;
}

/** Collects samples of all nodes. */
export class LoadHistory {
  /** Take what a frame tells. */
  take({ cluster, rows, sent_at: at }: ILoads): void {
    for (const row of rows) {
      const tracks = this._tracksOf(cluster, row[0]);
      const values = valuesOf(row);
      tracks.recent.push(at, values);
      if (at - tracks.long.lastAt >= LONG_STEP_S) {
        tracks.long.push(at, values);
      }
      const gpus = row[11];
      if (gpus && gpus.length > 0) {
        if (tracks.gpus?.width !== gpus.length) {
          tracks.gpus = new Track(gpus.length, RECENT_S + 10);
        }
        tracks.gpus.push(
          at,
          gpus.map(([, , busy]) => (busy === null ? null : busy / 100))
        );
      }
    }
  }

  /** Note that from now on nobody watches. */
  pause(at: number): void {
    for (const nodes of this._tracks.values()) {
      for (const { recent, long, gpus } of nodes.values()) {
        recent.push(at, []);
        long.push(at, []);
        gpus?.push(at, []);
      }
    }
  }

  /** Forget all other clusters. */
  keep(clusters: readonly { readonly id: string }[]): void {
    for (const id of this._tracks.keys()) {
      if (!clusters.some(cluster => cluster.id === id)) {
        this._tracks.delete(id);
      }
    }
  }

  /** The last two minutes of a node; of many nodes that are not seen, every five seconds. */
  recent(cluster: string, node: string, series: Series, now: number): readonly IPoint[] {
    const tracks = this._tracks.get(cluster)?.get(node);
    return tracks?.recent.points(SERIES.indexOf(series), now - RECENT_S) ?? [];
  }

  /** The last two minutes of one GPU's load, by its place in the node's list. */
  recentGpu(
    cluster: string,
    node: string,
    place: number,
    now: number
  ): readonly IPoint[] {
    const gpus = this._tracks.get(cluster)?.get(node)?.gpus;
    return gpus && place < gpus.width ? gpus.points(place, now - RECENT_S) : [];
  }

  /** The last half hour of a node, coarse, and its last two minutes in full. */
  long(cluster: string, node: string, series: Series, now: number): readonly IPoint[] {
    const tracks = this._tracks.get(cluster)?.get(node);
    if (!tracks) {
      return [];
    }
    const column = SERIES.indexOf(series);
    const recent = tracks.recent.points(column, now - RECENT_S);
    const begin = recent[0]?.at ?? now;
    const before = tracks.long
      .points(column, now - LONG_S)
      .filter(({ at }) => at < begin);
    return [...before, ...recent];
  }

  private _tracksOf(cluster: string, node: string): INodeTracks {
    let nodes = this._tracks.get(cluster);
    if (!nodes) {
      nodes = new Map();
      this._tracks.set(cluster, nodes);
    }
    let tracks = nodes.get(node);
    if (!tracks) {
      tracks = {
        recent: new Track(SERIES.length, RECENT_S + 10),
        long: new Track(SERIES.length, LONG_S / LONG_STEP_S),
        gpus: null
      };
      nodes.set(node, tracks);
    }
    return tracks;
  }

  private readonly _tracks = new Map<string, Map<string, INodeTracks>>();
}

/** The numbers of a row in the order of `SERIES`: parts from 0 to 1, or bytes a second. */
function valuesOf(row: ILoadRow): readonly (number | null)[] {
  const [, workers, , cpu, used, limit, networkIn, networkOut, ...rest] = row;
  const [diskRead, diskWrite, gpu] = rest;
  const [, gpuBusy = null, gpuUsed = null, gpuTotal = null] = gpu ?? [];
  return [
    cpu === null ? null : Math.min(1, cpu / (100 * Math.max(1, workers ?? 1))),
    part(used, limit),
    networkIn,
    networkOut,
    diskRead,
    diskWrite,
    gpuBusy === null ? null : gpuBusy / 100,
    part(gpuUsed, gpuTotal)
  ];
}

function part(used: number | null, total: number | null): number | null {
  return used === null || !total ? null : Math.min(1, used / total);
}
