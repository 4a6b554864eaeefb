import { describe, expect, it } from 'vitest';

import { FEED_VERSION } from './feed';
import { applyMessage, type IFeedState } from './feedmodel';
import { aCluster, aDelta, aRun, aSnapshot } from './testing/views';

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

  it('sees a gap when a delta comes first', () => {
    expect(applyMessage(null, aDelta({ seq: 1 }))).toBe('gap');
  });

  it('refuses another version', () => {
    expect(applyMessage(null, aSnapshot({ version: FEED_VERSION + 1 }))).toBe('version');
  });
});
