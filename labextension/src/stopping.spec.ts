import { nullTranslator } from '@jupyterlab/translation';
import { expect, test } from 'vitest';

import { losses } from './stopping';
import { aCluster, aCost, aNode, aRun } from './testing/views';

const trans = nullTranslator.load('');

test('what ends is said, also of a cluster that nobody has used', () => {
  expect(losses(aCluster('a'), [], 0, trans)).toEqual(['Its 2 workers end.']);
});

test('cells that run, and what notebooks keep there', () => {
  const runs = [
    aRun('r'),
    aRun('s', { status: 'queued', notebook: 'sub/b.ipynb' }),
    aRun('t', { status: 'done', notebook: 'c.ipynb' }),
    aRun('u', { cluster: 'other', notebook: 'other.ipynb' })
  ];
  expect(losses(aCluster('a'), runs, 0, trans).slice(0, 2)).toEqual([
    '2 cells are running on it and will be interrupted.',
    'Results that were kept there only (--keep) are lost; all others are in a.ipynb, b.ipynb, c.ipynb.'
  ]);
  expect(losses(aCluster('a'), [aRun('r', { notebook: '' })], 0, trans)[1]).toBe(
    'Results that were kept there only (--keep) are lost.'
  );
});

test('what is paid for is given back', () => {
  const nodes = [aNode('x'), aNode('y')];
  const paid = aCluster('a', { nodes, cost: aCost({ usd: 1, at: 0, usd_per_h: 2 }) });
  expect(losses(paid, [], 3600, trans)).toEqual([
    'Its 2 machines are given back; it has cost 3.00 USD.'
  ]);
  const unknown = aCluster('a', { cost: aCost({ usd: null }) });
  expect(losses(unknown, [], 0, trans)).toEqual([
    'Its 1 machine is given back; what it has cost is not known.'
  ]);
});
