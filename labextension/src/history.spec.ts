import { describe, expect, it } from 'vitest';

import type { IGpuRow, ILoadRow, ILoads } from './feed';
import { LoadHistory, loadOf, LONG_S, RECENT_S } from './history';
import { aNode } from './testing/views';

const GPU: IGpuRow = [0, 'A100', 50, 1e9, 4e9, 60, 200, 1];

function row(cpu: number | null, gpus: readonly IGpuRow[] | null = null): ILoadRow {
  return ['n', 2, 1, cpu, 2e9, 8e9, 10, 20, 30, 40, [1, 50, 1e9, 4e9, 60, 200], gpus];
}

function frame(at: number, ...rows: ILoadRow[]): ILoads {
  return { type: 'loads', sent_at: at, cluster: 'c', rows };
}

describe('the load of a node', () => {
  it.each([
    [50, 2, 0.25],
    [400, 2, 1],
    [50, 0, 0.5],
    [null, 2, null]
  ])('%s percent of %s workers is %s', (cpu_percent, workers, load) => {
    expect(loadOf(aNode('n', { cpu_percent, workers }))).toBe(load);
  });
});

describe('a history', () => {
  it('has each number of a row', () => {
    const history = new LoadHistory();
    history.take(frame(1000, row(100)));
    const last = (series: Parameters<LoadHistory['recent']>[2]): number | null =>
      history.recent('c', 'n', series, 1000).at(-1)?.value ?? null;
    expect([last('cpu'), last('memory'), last('networkIn'), last('networkOut')]).toEqual([
      0.5, 0.25, 10, 20
    ]);
    expect([last('diskRead'), last('diskWrite'), last('gpu'), last('gpuMemory')]).toEqual(
      [30, 40, 0.5, 0.25]
    );
  });

  it('has two minutes, and what held at their begin', () => {
    const history = new LoadHistory();
    for (let at = 0; at < 400; at++) {
      history.take(frame(at, row(at / 10)));
    }
    const points = history.recent('c', 'n', 'cpu', 399);
    expect([points[0]?.at, points.at(-1)?.at]).toEqual([399 - RECENT_S - 1, 399]);
    expect(points[0]?.value).toBeCloseTo(0.139);
  });

  it('has half an hour of a long run, coarse but for its end', () => {
    const history = new LoadHistory();
    for (let at = 0; at <= 2 * LONG_S; at++) {
      history.take(frame(at, row(at / 100)));
    }
    const points = history.long('c', 'n', 'cpu', 2 * LONG_S);
    expect(points[0]?.at).toBeLessThanOrEqual(LONG_S + 10);
    expect(points[0]?.at).toBeGreaterThanOrEqual(LONG_S - 10);
    expect(points.length).toBeLessThan(LONG_S / 10 + RECENT_S + 2);
    expect(points.map(({ at }) => at)).toEqual(
      [...points.map(({ at }) => at)].sort((a, b) => a - b)
    );
  });

  it('has holes where nobody watched', () => {
    const history = new LoadHistory();
    history.take(frame(1, row(10)));
    history.pause(2);
    history.take(frame(9, row(null)));
    history.take(frame(10, row(20)));
    expect(
      history.recent('c', 'n', 'cpu', 10).map(({ value }) => value === null)
    ).toEqual([false, true, true, false]);
  });

  it('has each GPU, of those rows that tell of them', () => {
    const history = new LoadHistory();
    const other: IGpuRow = [1, 'A100', 90, 1e9, 4e9, 60, 200, 1];
    history.take(frame(1, row(10, [GPU, other])));
    history.take(frame(2, row(10)));
    expect(history.recentGpu('c', 'n', 1, 2)).toHaveLength(1);
    expect(history.recentGpu('c', 'n', 1, 2)[0]?.value).toBeCloseTo(0.9);
    expect(history.recentGpu('c', 'n', 2, 2)).toEqual([]);
  });

  it('forgets clusters that are gone', () => {
    const history = new LoadHistory();
    history.take(frame(1, row(10)));
    history.keep([{ id: 'other' }]);
    expect(history.recent('c', 'n', 'cpu', 1)).toEqual([]);
  });
});
