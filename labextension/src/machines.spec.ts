import { expect, test } from 'vitest';

import { canRetry, clusterSteps, countRunning, machinesOf, poolsOf } from './machines';
import { aCluster, aNode } from './testing/views';

const starting = aCluster('c', {
  status: 'starting',
  steps: [
    { step: 'security', message: 'making certificates', at: 1 },
    { step: 'node h2', message: 'h2: connecting', at: 2 },
    { step: 'node h1', message: 'h1: bringing 268 files', at: 3 },
    { step: 'node h4', message: 'h4: connecting', at: 3 },
    { step: 'workers', message: 'workers 1/3', at: 4 }
  ],
  nodes: [
    aNode('h1', { status: 'starting', workers: 0, workers_wanted: 0 }),
    aNode('h2', { status: 'starting', workers: 1, workers_wanted: 1 }),
    aNode('h3', { status: 'starting', workers: 0, workers_wanted: 0 }),
    aNode('h4', { status: 'failed', workers: 0, error: 'h4: no route.\nIs it on?' })
  ]
});

test('machines are in the order of the nodes, with what they do or why they failed', () => {
  expect(machinesOf(starting)).toEqual([
    { name: 'h1', status: 'starting', message: 'bringing 268 files' },
    { name: 'h2', status: 'running', message: 'connecting' },
    { name: 'h3', status: 'starting', message: '' },
    { name: 'h4', status: 'failed', message: 'no route.' }
  ]);
  expect(countRunning(machinesOf(starting))).toBe(1);
});

test('the other steps are the cluster’s', () => {
  expect(clusterSteps(starting).map(({ step }) => step)).toEqual(['security', 'workers']);
});

test('nodes that are processes here are no machines', () => {
  const steps = [{ step: 'node', message: 'starting scheduler', at: 1 }];
  expect(machinesOf(aCluster('c', { steps }))).toEqual([]);
});

test('nodes are together with those of their pool', () => {
  const nodes = [
    aNode('a', { pool: 'cpu' }),
    aNode('b', { pool: 'gpu' }),
    aNode('c', { pool: 'cpu' })
  ];
  expect(
    poolsOf(nodes).map(({ name, nodes: of }) => [name, of.map(n => n.name)])
  ).toEqual([
    ['cpu', ['a', 'c']],
    ['gpu', ['b']]
  ]);
});

test.each([
  ['a start that failed', aCluster('c', { status: 'failed', nodes: [] }), true],
  ['failed nodes of what runs', aCluster('c', { nodes: [failedNode()] }), true],
  ['nothing that failed', aCluster('c'), false],
  ['a start that goes on', { ...starting }, false],
  ['what is a kernel’s', aCluster('c', { owner: 'kernel', status: 'failed' }), false]
])('what can be tried again: %s', (_, cluster, expected) => {
  expect(canRetry(cluster)).toBe(expected);
});

function failedNode(): ReturnType<typeof aNode> {
  return aNode('h', { status: 'failed' });
}
