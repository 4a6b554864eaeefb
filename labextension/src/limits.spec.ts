import { nullTranslator } from '@jupyterlab/translation';
import { expect, test } from 'vitest';

import { changedLimits, checkLimits, limitsOf } from './limits';
import { aCluster, aCost } from './testing/views';

const trans = nullTranslator.load('');
const cluster = aCluster('a', { cost: aCost({ max_usd: 20 }) });

test('the limits of a cluster are the form’s first values', () => {
  expect(limitsOf(cluster)).toEqual({
    idleTimeout: '30m',
    orphanAfter: '2h',
    maxCost: 20,
    maxAge: ''
  });
  expect(limitsOf(aCluster('a', { idle_timeout_s: null })).idleTimeout).toBe('');
});

test('only what was changed is asked for', () => {
  const before = limitsOf(cluster);
  expect(changedLimits(before, before)).toEqual({});
  expect(changedLimits(before, { ...before, idleTimeout: '1800s' })).toEqual({});
  expect(changedLimits(before, { ...before, idleTimeout: '' })).toEqual({});
  expect(
    changedLimits(before, {
      idleTimeout: '2h',
      orphanAfter: '1d',
      maxCost: 40,
      maxAge: '7d'
    })
  ).toEqual({
    idle_timeout_s: 7200,
    orphan_after_s: 86_400,
    max_cost: 40,
    max_age: 604_800
  });
});

test('what is wrong is said of its field', () => {
  const right = limitsOf(cluster);
  expect(checkLimits(right, trans)).toEqual({});
  expect(checkLimits({ ...right, idleTimeout: '' }, trans)).toEqual({});
  const wrong = { idleTimeout: '5s', orphanAfter: 'soon', maxCost: 0, maxAge: '1' };
  expect(Object.keys(checkLimits(wrong, trans))).toEqual([
    'idleTimeout',
    'orphanAfter',
    'maxAge',
    'maxCost'
  ]);
});
