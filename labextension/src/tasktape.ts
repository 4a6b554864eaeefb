/**
 * What the workers of a cluster did in the last minutes, as a page keeps it. Pure.
 *
 * Laws: 1. The spans of a worker are in the order in which they began. 2. One that goes on ends when
 * the next of its worker is told. 3. What is older than `KEPT_S` is dropped, so that memory is bounded
 * as the server's rate of spans is.
 */
import type { ITasks } from './feed';

/** So much can be shown. */
export const KEPT_S = 300;

/** Tasks of one worker, one after the other. Times are Unix seconds; `tasks` is 0 while it goes on. */
export interface ISpan {
  readonly start: number;
  readonly stop: number;
  readonly busyS: number;
  readonly tasks: number;
  readonly failed: number;
  readonly run: string;
}

/** One worker and its spans. */
export interface ILane {
  readonly worker: string;
  readonly spans: ISpan[];
}

/** What a worker did in a time. */
export interface ILaneSum {
  readonly worker: string;
  readonly tasks: number;
  readonly failed: number;
  /** Which part of the time it worked, from 0 to 1. */
  readonly share: number;
}

const collator = new Intl.Collator(undefined, { numeric: true });

/** The spans of a cluster's workers. */
export class TaskTape {
  /** All workers that did something, by name. */
  get lanes(): readonly ILane[] {
    return this._lanes;
  }

  /** The runs that are seen, in the order in which they appeared. */
  get runs(): readonly string[] {
    return this._runs;
  }

  /** How many spans there are. */
  get size(): number {
    return this._lanes.reduce((sum, { spans }) => sum + spans.length, 0);
  }

  /** Take what the feed tells. */
  take({ is_anew, workers, runs, rows, sent_at }: ITasks): void {
    if (is_anew) {
      this._byWorker.clear();
      this._runs = [];
      this._lanes = [];
    }
    const lanes = this._lanesOf(workers);
    for (const [worker, start, seconds, busyS, tasks, failed, run] of rows) {
      const lane = lanes[worker];
      if (lane) {
        const stop = tasks === 0 ? Infinity : start + seconds;
        add(lane.spans, { start, stop, busyS, tasks, failed, run: runs[run] ?? '' });
      }
    }
    for (const run of runs) {
      if (!this._runs.includes(run)) {
        this._runs.push(run);
      }
    }
    this._drop(sent_at - KEPT_S);
  }

  /** The lanes of a node's own workers. */
  lanesOf(node: string): readonly ILane[] {
    return this._lanes.filter(({ worker }) => worker.startsWith(`${node}/`));
  }

  private _lanesOf(workers: readonly string[]): readonly ILane[] {
    const before = this._byWorker.size;
    const lanes = workers.map(worker => {
      const lane = this._byWorker.get(worker) ?? { worker, spans: [] };
      this._byWorker.set(worker, lane);
      return lane;
    });
    if (this._byWorker.size > before) {
      this._lanes = [...this._byWorker.values()].sort((a, b) =>
        collator.compare(a.worker, b.worker)
      );
    }
    return lanes;
  }

  private _drop(before: number): void {
    for (const { spans } of this._lanes) {
      const first = firstAfter(spans, before);
      if (first > 0) {
        spans.splice(0, first);
      }
    }
  }

  private readonly _byWorker = new Map<string, ILane>();
  private _lanes: readonly ILane[] = [];
  private _runs: string[] = [];
}

/** Add a span to those before it; whatever went on has ended with it, or is the same. */
function add(spans: ISpan[], span: ISpan): void {
  const last = spans.at(-1);
  if (last?.tasks === 0) {
    spans.pop();
    if (span.start > last.start + SAME_S) {
      spans.push({ ...last, stop: span.start, busyS: span.start - last.start, tasks: 1 });
    }
  }
  spans.push(span);
}

/** When a task began is estimated while it runs. */
const SAME_S = 1;

/** The first span that ends after a time, among spans in their order. */
export function firstAfter(spans: readonly ISpan[], time: number): number {
  let [low, high] = [0, spans.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((spans[middle]?.stop ?? 0) > time) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

/** The span of a lane at a time, or the next one in a direction; null when there is none. */
export function spanNear(
  { spans }: ILane,
  time: number,
  direction: -1 | 0 | 1
): ISpan | null {
  const index = firstAfter(spans, time);
  const here = spans[index];
  if (direction === 0) {
    return here && here.start <= time ? here : null;
  }
  const isInside = here !== undefined && here.start <= time;
  return spans[direction > 0 ? index + Number(isInside) : index - 1] ?? null;
}

/** What each worker did between two times. */
export function sumsOf(
  lanes: readonly ILane[],
  from: number,
  to: number
): readonly ILaneSum[] {
  return lanes.map(({ worker, spans }) => {
    let [tasks, failed, busy] = [0, 0, 0];
    for (let index = firstAfter(spans, from); index < spans.length; index++) {
      const span = spans[index];
      if (!span || span.start >= to) {
        break;
      }
      const seen = Math.min(span.stop, to) - Math.max(span.start, from);
      const all = span.stop - span.start;
      busy += span.tasks === 0 || all <= 0 ? seen : span.busyS * Math.min(1, seen / all);
      tasks += span.tasks;
      failed += span.failed;
    }
    return { worker, tasks, failed, share: Math.min(1, busy / (to - from)) };
  });
}
