import { expect, test } from 'vitest';

import { canStop, groupRuns, loopId, progressOf } from './runs';
import { aLoop, aRun } from './testing/views';

test('runs are grouped by notebook; those with work come first, then the latest', () => {
  const groups = groupRuns([
    aRun('1', { notebook: 'a', status: 'done', started_at: 1 }),
    aRun('2', { notebook: 'b', status: 'done', started_at: 9 }),
    aRun('3', { notebook: 'c', status: 'running', started_at: 3 }),
    aRun('4', { notebook: 'a', status: 'failed', started_at: 4 }),
    aRun('5', { notebook: 'c', status: 'queued', started_at: 5 })
  ]);
  expect(
    groups.map(({ notebook, active, finished }) => [
      notebook,
      active.map(({ id }) => id).join(),
      finished.map(({ run }) => run.id).join()
    ])
  ).toEqual([
    ['c', '3,5', ''],
    ['b', '', '2'],
    ['a', '', '4,1']
  ]);
});

test('failures with the same exception are one, the latest, with their number', () => {
  const [group] = groupRuns(
    ['e', 'f', 'e', '', 'e'].map((error, index) =>
      aRun(String(index), {
        status: error ? 'failed' : 'done',
        error,
        started_at: index,
        ended_at: index + 1
      })
    )
  );
  const alike = group?.finished.map(one => one.alike.map(({ id }) => id).join());
  expect(group?.finished.map(({ run }) => run.id)).toEqual(['4', '3', '1']);
  expect(alike).toEqual(['4,2,0', '3', '1']);
});

test('progress is the mean of the loops, however long each is', () => {
  const run = aRun('1', {
    loops: [aLoop({ done: 10, total: 10 }), aLoop({ done: 20, total: 100 })]
  });
  expect(progressOf([run, aRun('2')])).toBeCloseTo(0.6);
  expect(progressOf([aRun('2')])).toBeNull();
});

test('a loop that goes on and has a number can be stopped by itself', () => {
  expect(canStop(aLoop())).toBe(true);
  expect(canStop(aLoop({ is_over: true }))).toBe(false);
  expect(canStop(aLoop({ number: 0 }))).toBe(false); // calls of a pool
  expect(loopId(aRun('r'), aLoop({ number: 3 }))).toBe('r/3');
});
