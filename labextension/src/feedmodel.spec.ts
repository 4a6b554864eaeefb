import { describe, expect, it } from 'vitest';

import { FEED_VERSION } from './feed';
import { applyMessage, forgetLoads, type IFeedState } from './feedmodel';
import { aCluster, aDelta, aLoop, aNode, aRow, aRun, aSnapshot } from './testing/views';

function apply(...messages: Parameters<typeof applyMessage>[1][]): IFeedState {
  let state: IFeedState | null = null;
  for (const message of messages) {
    const outcome = applyMessage(state, message);
    if (typeof outcome === 'string') {
      throw new Error(outcome);
    }
    state = outcome;
  }
  if (!state) {
    throw new Error('no message');
  }
  return state;
}

describe('applyMessage', () => {
  it('begins with a snapshot', () => {
    const state = apply(
      aSnapshot({ seq: 7, clusters: [aCluster('a')], profiles: ['p'] })
    );
    expect(state).toMatchObject({ seq: 7, clusters: [{ id: 'a' }], profiles: ['p'] });
  });

  it('replaces in place, appends, drops', () => {
    const state = apply(
      aSnapshot({ seq: 1, clusters: [aCluster('a'), aCluster('b'), aCluster('c')] }),
      aDelta({
        seq: 2,
        clusters: [aCluster('d'), aCluster('b', { status: 'failed' })],
        gone_clusters: ['a']
      })
    );
    expect(state.clusters.map(({ id, status }) => [id, status])).toEqual([
      ['b', 'failed'],
      ['c', 'running'],
      ['d', 'running']
    ]);
  });

  it('keeps the objects that a delta does not name', () => {
    const before = apply(
      aSnapshot({ seq: 1, clusters: [aCluster('a')], runs: [aRun('r'), aRun('s')] })
    );
    const after = applyMessage(
      before,
      aDelta({ seq: 2, runs: [aRun('s')] })
    ) as IFeedState;
    expect(after.clusters).toBe(before.clusters);
    expect(after.runs[0]).toBe(before.runs[0]);
    expect(after.runs[1]).not.toBe(before.runs[1]);
  });

  it('takes the loops of a run that goes on, and nothing else', () => {
    const loops = [aLoop({ done: 5 })];
    const state = apply(
      aSnapshot({ seq: 1, runs: [aRun('r'), aRun('s')] }),
      aDelta({ seq: 2, loops: [{ run: 's', loops }] })
    );
    expect(state.runs).toEqual([aRun('r'), { ...aRun('s'), loops }]);
  });

  it('keeps the profiles until a delta names them', () => {
    const before = apply(aSnapshot({ seq: 1, profiles: ['p'] }), aDelta({ seq: 2 }));
    expect(before.profiles).toEqual(['p']);
    const after = applyMessage(before, aDelta({ seq: 3, profiles: [] }));
    expect(after).toMatchObject({ profiles: [], sent_at: 1000 });
  });

  it('lets a snapshot replace everything', () => {
    const state = apply(
      aSnapshot({ seq: 9, runs: [aRun('r')] }),
      aSnapshot({ seq: 1, runs: [] })
    );
    expect(state).toMatchObject({ seq: 1, runs: [] });
  });

  it.each([
    ['one is missing', 3],
    ['one comes twice', 1],
    ['one comes late', 0]
  ])('sees a gap when %s', (_, seq) => {
    expect(applyMessage(apply(aSnapshot({ seq: 1 })), aDelta({ seq }))).toBe('gap');
  });

  const LOADS = {
    type: 'loads' as const,
    sent_at: 1007,
    cluster: 'a',
    rows: [aRow('n', 70, [[0, 'A100', 9, 1, 2, 60, 200, 3]], [1, 9, 1, 2, 60, 200])]
  };
  const NODES = aSnapshot({
    clusters: [aCluster('a', { nodes: [aNode('m'), aNode('n')] }), aCluster('b')]
  });

  it('takes load into the nodes that it is of, without a number', () => {
    const before = apply(NODES);
    const after = applyMessage(before, LOADS) as IFeedState;
    expect(after).toMatchObject({ seq: 1, sent_at: 1007 });
    const [m, n] = after.clusters[0]?.nodes ?? [];
    expect(m).toBe(before.clusters[0]?.nodes[0]);
    expect(after.clusters[1]).toBe(before.clusters[1]);
    expect(n).toMatchObject({ cpu_percent: 70, gpu: [1, 9, 1, 2, 60, 200] });
    expect(n?.gpus).toMatchObject([{ index: 0, utilisation_percent: 9, processes: 3 }]);
  });

  it('keeps each GPU where a row has their sum only, until there is none', () => {
    const known = apply(NODES, LOADS, {
      ...LOADS,
      rows: [aRow('n', 5, null, [1, 50, 1, 2, 60, 200])]
    });
    expect(known.clusters[0]?.nodes[1]?.gpus).toHaveLength(1);
    expect(known.clusters[0]?.nodes[1]?.gpu?.[1]).toBe(50);
    const gone = applyMessage(known, { ...LOADS, rows: [aRow('n', null)] }) as IFeedState;
    expect(gone.clusters[0]?.nodes[1]?.gpus).toEqual([]);
  });

  it('keeps the load of a node whose view is another', () => {
    const unknown = { busy: null, cpu_percent: null, workers: 0 }; // load says how many
    const whole = aDelta({
      clusters: [aCluster('a', { error: 'e', nodes: [aNode('n', unknown)] })]
    });
    const parts = aDelta({ nodes: [{ cluster: 'a', nodes: [aNode('n', unknown)] }] });
    for (const delta of [whole, parts]) {
      const node = apply(NODES, LOADS, delta).clusters[0]?.nodes.at(-1);
      expect(node).toMatchObject({ workers: 2, cpu_percent: 70, busy: 1 });
    }
    expect(apply(NODES, parts).clusters[0]?.nodes).toHaveLength(2);
  });

  it('forgets all load', () => {
    const nodes = forgetLoads(apply(NODES, LOADS)).clusters[0]?.nodes;
    expect(nodes).toMatchObject([{ busy: null }, { busy: null, gpu: null, gpus: [] }]);
  });

  it('sees a gap when a delta comes first', () => {
    expect(applyMessage(null, aDelta({ seq: 1 }))).toBe('gap');
  });

  it('refuses another version', () => {
    expect(applyMessage(null, aSnapshot({ version: FEED_VERSION + 1 }))).toBe('version');
  });
});
