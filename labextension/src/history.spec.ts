import { expect, test } from 'vitest';

import { HISTORY_LENGTH, LoadHistory, loadOf } from './history';
import { aCluster, aNode } from './testing/views';

const withLoad = (cpu_percent: number | null): ReturnType<typeof aCluster> =>
  aCluster('a', { nodes: [aNode('n', { cpu_percent })] });

test('load is a part of what the workers can do', () => {
  expect(loadOf(aNode('n', { cpu_percent: 100, workers: 2 }))).toBe(0.5);
  expect(loadOf(aNode('n', { cpu_percent: 230, workers: 2 }))).toBe(1);
  expect(loadOf(aNode('n', { cpu_percent: 50, workers: 0 }))).toBe(0.5);
  expect(loadOf(aNode('n', { cpu_percent: null }))).toBeNull();
});

test('samples are kept, not more than needed', () => {
  const history = new LoadHistory();
  for (let second = 0; second < HISTORY_LENGTH + 9; second++) {
    history.record([withLoad(second)], second * 1000);
  }
  expect(history.of('a', 'n')).toHaveLength(HISTORY_LENGTH);
  expect(history.of('a', 'n').at(-1)).toBeCloseTo((HISTORY_LENGTH + 8) / 200);
});

test('a view that did not change, or comes too soon, is no sample', () => {
  const history = new LoadHistory();
  const first = withLoad(10);
  history.record([first], 0);
  const samples = history.of('a', 'n');
  history.record([first], 5000);
  expect(history.of('a', 'n')).toBe(samples);
  history.record([withLoad(20)], 1000);
  history.record([withLoad(30)], 1100);
  expect(history.of('a', 'n')).toEqual([0.05, 0.1]);
});

test('while nothing was said, nothing changed', () => {
  const history = new LoadHistory();
  history.record([withLoad(10)], 0);
  history.record([withLoad(20)], 3100);
  expect(history.of('a', 'n')).toEqual([0.05, 0.05, 0.05, 0.1]);
  history.record([withLoad(30)], 1e9);
  expect(history.of('a', 'n')).toHaveLength(HISTORY_LENGTH);
});

test('while the load was not known, there is a hole', () => {
  const history = new LoadHistory();
  history.record([withLoad(10)], 0);
  history.record([withLoad(null)], 1000);
  history.record([withLoad(20)], 4000);
  expect(history.of('a', 'n')).toEqual([0.05, null, null, null, 0.1]);
});

test('a clock that is set back begins a new history', () => {
  const history = new LoadHistory();
  history.record([withLoad(10)], 9000);
  history.record([withLoad(20)], 2000);
  history.record([withLoad(30)], 3000);
  expect(history.of('a', 'n')).toEqual([0.1, 0.15]);
});

test('what is gone is forgotten', () => {
  const history = new LoadHistory();
  history.record([withLoad(10)], 0);
  history.record([], 1000);
  expect(history.of('a', 'n')).toEqual([]);
});
