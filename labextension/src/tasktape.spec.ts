import { describe, expect, it } from 'vitest';

import type { ITaskRow, ITasks } from './feed';
import { firstAfter, spanNear, sumsOf, TaskTape } from './tasktape';

function tasks(rows: readonly ITaskRow[], changes: Partial<ITasks> = {}): ITasks {
  return {
    type: 'tasks',
    sent_at: 1000,
    cluster: 'c',
    is_anew: false,
    workers: ['n/0', 'n/10', 'n/2'],
    runs: ['r1', 'r2'],
    rows,
    ...changes
  };
}

function tapeOf(...frames: ITasks[]): TaskTape {
  const tape = new TaskTape();
  for (const frame of frames) {
    tape.take(frame);
  }
  return tape;
}

describe('the tape of tasks', () => {
  it('has a lane for each worker, in the order of their numbers', () => {
    const tape = tapeOf(tasks([[1, 990, 2, 1.5, 3, 0, 1]]));
    expect(tape.lanes.map(({ worker }) => worker)).toEqual(['n/0', 'n/2', 'n/10']);
    expect(tape.lanes[2]?.spans).toEqual([
      { start: 990, stop: 992, busyS: 1.5, tasks: 3, failed: 0, run: 'r2' }
    ]);
    expect(tape.runs).toEqual(['r1', 'r2']);
    expect(tape.lanesOf('n')).toHaveLength(3);
    expect(tape.lanesOf('n/1')).toHaveLength(0);
  });

  it('shows what goes on until the end of it is told', () => {
    const tape = tapeOf(tasks([[0, 980, 0, 0, 0, 0, 0]]));
    const spans = tape.lanes[0]?.spans ?? [];
    expect(spans.map(({ stop }) => stop)).toEqual([Infinity]);
    tape.take(tasks([[0, 980.4, 15, 15, 1, 0, 0]]));
    expect(spans.map(({ start, stop }) => [start, stop])).toEqual([[980.4, 995.4]]);
  });

  it('ends what went on when its worker does something else', () => {
    const tape = tapeOf(
      tasks([
        [0, 980, 0, 0, 0, 0, 0],
        [0, 990, 0, 0, 0, 0, 1]
      ])
    );
    expect(tape.lanes[0]?.spans.map(({ start, stop }) => [start, stop])).toEqual([
      [980, 990],
      [990, Infinity]
    ]);
  });

  it('forgets what is too old, and everything when it is told anew', () => {
    const tape = tapeOf(
      tasks([
        [0, 600, 50, 50, 1, 0, 0],
        [0, 690, 20, 20, 1, 0, 0]
      ])
    );
    expect(tape.size).toBe(1);
    tape.take(tasks([], { is_anew: true, workers: [], runs: [] }));
    expect([tape.size, tape.lanes.length, tape.runs.length]).toEqual([0, 0, 0]);
  });

  it('sums up what workers did', () => {
    const tape = tapeOf(
      tasks([
        [0, 900, 20, 10, 4, 1, 0],
        [0, 950, 0, 0, 0, 0, 0],
        [2, 890, 20, 20, 2, 0, 1]
      ])
    );
    expect(sumsOf(tape.lanes, 900, 1000)).toEqual([
      { worker: 'n/0', tasks: 4, failed: 1, share: 0.6 },
      { worker: 'n/2', tasks: 2, failed: 0, share: 0.1 },
      { worker: 'n/10', tasks: 0, failed: 0, share: 0 }
    ]);
  });

  it('finds spans by time, and their neighbours', () => {
    const [lane] = tapeOf(
      tasks([
        [0, 900, 10, 10, 1, 0, 0],
        [0, 920, 10, 10, 1, 0, 1]
      ])
    ).lanes;
    if (!lane) {
      throw new Error('no lane');
    }
    expect(firstAfter(lane.spans, 915)).toBe(1);
    expect(spanNear(lane, 905, 0)?.run).toBe('r1');
    expect(spanNear(lane, 915, 0)).toBeNull();
    expect(spanNear(lane, 905, 1)?.run).toBe('r2');
    expect(spanNear(lane, 915, 1)?.run).toBe('r2');
    expect(spanNear(lane, 915, -1)?.run).toBe('r1');
    expect(spanNear(lane, 905, -1)).toBeNull();
  });

  it('stays small with a hundred thousand tasks, and takes them fast', () => {
    const tape = new TaskTape();
    for (let second = 0; second < 1000; second++) {
      const rows: ITaskRow[] = Array.from({ length: 100 }, (_, index) => [
        index % 50,
        second + 0.5 * Math.floor(index / 50),
        0.5,
        0.5,
        1,
        0,
        0
      ]);
      const workers = Array.from({ length: 50 }, (_, index) => `n/${index}`);
      tape.take(tasks(rows, { workers, sent_at: second + 1 }));
    }
    expect(tape.size).toBe(100 * 300);
  });
});
