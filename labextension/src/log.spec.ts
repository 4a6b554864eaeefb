import { describe, expect, it } from 'vitest';

import { bounded, filterLog, placesOf } from './log';
import { aLine } from './testing/views';

describe('the log', () => {
  it('keeps troubles when news of a start would push them out', () => {
    const trouble = aLine(1, { level: 'error' });
    const news = Array.from({ length: 400 }, (_, index) => aLine(2 + index));
    const kept = bounded([trouble, ...news]);
    expect(kept).toHaveLength(301);
    expect(kept.at(0)).toBe(trouble);
    expect(kept.at(1)?.number).toBe(102);
    expect(kept.at(-1)?.number).toBe(401);
  });

  it('is the same whether lines come one by one or together', () => {
    const lines = Array.from({ length: 1000 }, (_, index) =>
      aLine(index, { level: index % 3 ? 'info' : 'warning' })
    );
    let kept: ReturnType<typeof bounded> = [];
    for (const line of lines) {
      kept = bounded([...kept, line]);
    }
    expect(kept).toEqual(bounded(lines));
  });

  const LINES = [
    aLine(1, { cluster: 'c', name: 'lab', node: '' }),
    aLine(2, { cluster: 'c', name: 'lab', node: 'n10', level: 'warning' }),
    aLine(3, { cluster: 'c', name: 'lab', node: 'n2', level: 'error' }),
    aLine(4, { cluster: 'd', name: 'cloud', node: 'n2' })
  ];
  const numbers = (filter: Parameters<typeof filterLog>[1]): number[] =>
    filterLog(LINES, filter).map(({ number }) => number);

  it('is filtered by level, the latest first', () => {
    expect(numbers({ level: 'info', place: '' })).toEqual([4, 3, 2, 1]);
    expect(numbers({ level: 'warning', place: '' })).toEqual([3, 2]);
    expect(numbers({ level: 'error', place: '' })).toEqual([3]);
  });

  it('is filtered by cluster and by node', () => {
    const places = placesOf(LINES);
    expect(places.map(({ name }) => name)).toEqual([
      'cloud',
      'cloud: n2',
      'lab',
      'lab: n2',
      'lab: n10'
    ]);
    const of = (name: string): number[] =>
      numbers({ level: 'info', place: places.find(one => one.name === name)?.id ?? '?' });
    expect(of('lab')).toEqual([3, 2, 1]);
    expect(of('lab: n2')).toEqual([3]);
    expect(of('cloud: n2')).toEqual([4]);
  });
});
