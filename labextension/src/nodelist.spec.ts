import { describe, expect, it } from 'vitest';

import { entriesOf, type SortKey, windowOf } from './nodelist';
import { aCluster, aNode } from './testing/views';

const NODES = [
  aNode('node10', { pool: 'a', cpu_percent: 20, busy: 2, gpu: [1, 50, 1, 2, 60, 9] }),
  aNode('node2', { pool: 'b', cpu_percent: 90, network_in_bytes_per_s: 5 }),
  aNode('node1', { pool: 'a', cpu_percent: null, busy: null, gpu: [1, 70, 1, 2, 40, 9] })
];

function names(key: SortKey, isDown: boolean): string[] {
  return entriesOf([aCluster('c', { nodes: NODES })], { key, isDown }).map(entry =>
    entry.kind === 'node' ? entry.node.name : entry.kind
  );
}

describe('nodes', () => {
  it('are in the order of their pools, below headings where there is a choice', () => {
    const shown = entriesOf(
      [
        aCluster('c', { nodes: NODES }),
        aCluster('empty', { nodes: [] }),
        aCluster('d', { nodes: [aNode('only')] })
      ],
      null
    );
    expect(shown.map(({ kind, id }) => [kind, id])).toEqual([
      ['cluster', 'c'],
      ['pool', 'c//a'],
      ['node', 'c/node10'],
      ['node', 'c/node1'],
      ['pool', 'c//b'],
      ['node', 'c/node2'],
      ['cluster', 'd'],
      ['node', 'd/only']
    ]);
    expect(entriesOf([aCluster('d', { nodes: [aNode('only')] })], null)).toHaveLength(1);
  });

  it.each([
    ['name', false, ['node1', 'node2', 'node10']],
    ['name', true, ['node10', 'node2', 'node1']],
    ['cpu', false, ['node10', 'node2', 'node1']],
    ['cpu', true, ['node2', 'node10', 'node1']],
    ['workers', true, ['node10', 'node2', 'node1']],
    ['network', true, ['node2', 'node1', 'node10']],
    ['gpu', true, ['node1', 'node10', 'node2']],
    ['heat', false, ['node1', 'node10', 'node2']]
  ] as const)('sorted by %s (down: %s), unknown ones last', (key, isDown, expected) => {
    const shown = names(key, isDown);
    expect(key === 'network' ? shown[0] : shown).toEqual(
      key === 'network' ? expected[0] : expected
    );
  });
});

describe('a window', () => {
  const heights = Array<number>(1000).fill(50);

  it('is what can be seen, and a margin', () => {
    const { first, end, before, after } = windowOf(heights, 10_000, 500, 100);
    expect([first, end]).toEqual([198, 212]);
    expect(before + 50 * (end - first) + after).toBe(50_000);
  });

  it.each([
    [-200, 0, 10],
    [1e9, 1000, 1000]
  ])('at %s', (top, first, end) => {
    expect(windowOf(heights, top, 500, 200)).toMatchObject({ first, end });
  });

  it('of lists without an end to be seen has them all', () => {
    expect(windowOf([10, 20], 0, 500, 0)).toEqual({
      first: 0,
      end: 2,
      before: 0,
      after: 0
    });
  });
});
