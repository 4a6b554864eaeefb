import { nullTranslator } from '@jupyterlab/translation';
import { expect, test } from 'vitest';

import { busyWorkers, summarise } from './summary';
import { aCluster, aCost, aGpu, aLoop, aNode, aRun, aSnapshot } from './testing/views';

const trans = nullTranslator.load('');
const paid = aCluster('p', { cost: aCost({ usd_per_h: 0.526 }) });

test.each([
  ['nothing known', null, ''],
  ['none', aSnapshot(), '%%scale: no cluster'],
  [
    'starting',
    aSnapshot({ clusters: [aCluster('a', { status: 'starting' })] }),
    '%%scale: starting'
  ],
  [
    'starting, and paid for',
    aSnapshot({ clusters: [{ ...paid, status: 'starting' }] }),
    '%%scale: starting, 0.53 USD/h'
  ],
  [
    'failed',
    aSnapshot({ clusters: [aCluster('a', { status: 'failed' })] }),
    '%%scale: failed'
  ],
  ['idle', aSnapshot({ clusters: [aCluster('a')] }), '%%scale: 1 node, idle'],
  [
    'without loops',
    aSnapshot({ clusters: [aCluster('a')], runs: [aRun('r')] }),
    '%%scale: 1 node, 1 of 2 busy'
  ],
  [
    'with a loop',
    aSnapshot({
      clusters: [aCluster('a')],
      runs: [aRun('r', { loops: [aLoop()] }), aRun('s', { status: 'done' })]
    }),
    '%%scale: 1 node, 2 of 2 busy, 40 %'
  ],
  [
    'with GPUs of some nodes, and one that does not run',
    aSnapshot({
      clusters: [
        {
          ...paid,
          nodes: [
            aNode('a', { gpus: [aGpu(0, 90), aGpu(1, 20)] }),
            aNode('b', { gpus: [aGpu(0, null)] }),
            aNode('c', { status: 'failed', workers: 0 })
          ]
        },
        aCluster('q', { cost: aCost({ usd_per_h: null }), nodes: [] })
      ]
    }),
    '%%scale: 2 nodes, idle, GPU 55 %, price unknown'
  ]
])('%s', (_, state, text) => {
  expect(summarise(state, 'live', trans)).toBe(text);
});

test('offline', () => {
  expect(summarise(aSnapshot(), 'offline', trans)).toBe('%%scale: offline');
});

test('no more workers are busy than there are', () => {
  const loops = [aLoop({ running: 3 }), aLoop({ running: 9 })];
  expect(busyWorkers([aRun('r', { loops })], 8)).toBe(8);
  expect(busyWorkers([aRun('r', { loops }), aRun('s')], 16)).toBe(13);
  expect(busyWorkers([aRun('r', { status: 'queued' })], 8)).toBe(0);
});
