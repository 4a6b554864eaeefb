import { nullTranslator } from '@jupyterlab/translation';
import { expect, test } from 'vitest';

import { summarise } from './summary';
import { aCluster, aLoop, aNode, aRun, aSnapshot } from './testing/views';

const trans = nullTranslator.load('');
const one = aNode('n', { workers: 1 });

test.each([
  ['nothing known', null, ''],
  ['none', aSnapshot(), '%%scale: no cluster'],
  [
    'starting',
    aSnapshot({ clusters: [aCluster('a', { status: 'starting' })] }),
    '%%scale: starting'
  ],
  [
    'failed',
    aSnapshot({ clusters: [aCluster('a', { status: 'failed' })] }),
    '%%scale: failed'
  ],
  ['idle', aSnapshot({ clusters: [aCluster('a')] }), '%%scale: 2 workers, idle'],
  [
    'without loops',
    aSnapshot({
      clusters: [aCluster('a', { nodes: [one] })],
      runs: [aRun('r'), aRun('s')]
    }),
    '%%scale: 1 worker, 2 runs'
  ],
  [
    'with a loop',
    aSnapshot({
      clusters: [aCluster('a')],
      runs: [aRun('r', { loops: [aLoop()] }), aRun('s', { status: 'done' })]
    }),
    '%%scale: 2 workers, 1 run 40 %'
  ]
])('%s', (_, state, text) => {
  expect(summarise(state, 'live', trans)).toBe(text);
});

test('offline', () => {
  expect(summarise(aSnapshot(), 'offline', trans)).toBe('%%scale: offline');
});
