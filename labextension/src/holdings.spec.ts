import { describe, expect, it, test } from 'vitest';

import { FEED_VERSION } from './feed';
import {
  askingFor,
  LAST_CELLS,
  lastCells,
  readHoldings,
  rowsOf,
  sortHeld,
  sumTraffic
} from './holdings';
import { aHolding, aRun } from './testing/views';

const TRAFFIC = {
  where: 'cluster',
  why: '',
  sent_bytes: 10,
  received_bytes: 0,
  reused_bytes: 100,
  notes: []
} as const;

test('a kernel is asked without loading anything into it', () => {
  expect(askingFor('ab12')).toBe(
    "__import__('sys').modules['jupyter_scale.magics'].held('ab12')"
  );
});

describe('readHoldings', () => {
  it.each([[null], [undefined], ['text'], [{ version: FEED_VERSION + 1 }]])(
    'takes %j for nothing that it knows',
    said => {
      expect(readHoldings(said)).toBeNull();
    }
  );

  it('takes an answer of its own version', () => {
    const said = { version: FEED_VERSION, stamp: 'a', cluster: 'local', names: [] };
    expect(readHoldings(said)).toEqual(said);
  });
});

describe('rowsOf', () => {
  it('lets only pinned values be fetched that can travel, and only names be freed', () => {
    const unnamed = [...aHolding('Out[3]', 'stays')] as unknown[];
    unnamed[8] = false;
    const stuck = [...aHolding('file', 'stays')] as unknown[];
    stuck[7] = false;
    const rows = rowsOf([
      aHolding('x'),
      aHolding('model', 'stays'),
      stuck as unknown as ReturnType<typeof aHolding>,
      unnamed as unknown as ReturnType<typeof aHolding>
    ]);
    expect(rows.map(row => [row.name, row.canFetch, row.canFree])).toEqual([
      ['x', false, true],
      ['model', true, true],
      ['file', false, true],
      ['Out[3]', false, false]
    ]);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(4);
  });
});

test.each([
  ['size', ['big', 'x2', 'x10', 'nothing']],
  ['name', ['big', 'nothing', 'x2', 'x10']],
  ['state', ['x10', 'nothing', 'big', 'x2']]
] as const)('names sorted by %s', (key, expected) => {
  const rows = rowsOf([
    aHolding('x10', 'stays', 5),
    aHolding('x2', 'same', 5),
    aHolding('big', 'same', 1e9),
    aHolding('nothing', 'changed', null)
  ]);
  expect(sortHeld(rows, key).map(({ name }) => name)).toEqual(expected);
});

describe('lastCells', () => {
  const ended = (id: string, startedAt: number, changes = {}): ReturnType<typeof aRun> =>
    aRun(id, { started_at: startedAt, traffic: TRAFFIC, ...changes });

  it('are those of this kernel on the cluster, the latest first', () => {
    const runs = [
      ended('old', 1),
      ended('here', 2, { traffic: { ...TRAFFIC, where: 'here' } }),
      ended('other', 3, { kernel_id: 'other' }),
      aRun('running'),
      ended('new', 4)
    ];
    const cells = lastCells(runs, 'k');
    expect(cells.map(({ id }) => id)).toEqual(['new', 'old']);
    expect(sumTraffic(cells)).toEqual({ sent: 20, reused: 200 });
  });

  it('are not more than a few', () => {
    const runs = Array.from({ length: LAST_CELLS + 5 }, (_, index) =>
      ended(String(index), index)
    );
    expect(lastCells(runs, 'k')).toHaveLength(LAST_CELLS);
  });
});
