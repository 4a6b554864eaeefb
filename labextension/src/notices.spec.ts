import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import { endedLong, freshMatters, noticeOf, noticeOfRun } from './notices';
import { aLine, aRun } from './testing/views';

const trans = nullTranslator.load('');

describe('matters', () => {
  const lost = aLine(2, { notice: 'node-lost', matter: 'lost a', node: 'a' });

  it('are told once', () => {
    const log = [aLine(1), lost];
    expect(freshMatters(log, () => false)).toEqual([lost]);
    expect(freshMatters(log, matter => matter === 'lost a')).toEqual([]);
  });

  it('are told once also where several lines are of one', () => {
    const again = aLine(3, { notice: 'node-lost', matter: 'lost a', node: 'a' });
    expect(freshMatters([lost, again], () => false)).toEqual([again]);
  });

  it('are the last ones for a page that comes late', () => {
    const log = Array.from({ length: 9 }, (_, index) =>
      aLine(index, { notice: 'cost', matter: String(index) })
    );
    expect(freshMatters(log, () => false).map(({ matter }) => matter)).toEqual([
      '6',
      '7',
      '8'
    ]);
  });

  it('say which, and are short enough for JupyterLab', () => {
    expect(noticeOf(lost, trans).text).toContain('Node a of the cluster "lab"');
    const text = 'why '.repeat(99);
    const failed = noticeOf(aLine(1, { notice: 'cluster-failed', text }), trans);
    expect(failed.text).toHaveLength(140);
    expect(failed.type).toBe('error');
  });
});

describe('a cell that took long', () => {
  const running = aRun('r', { started_at: 1000 });
  const done = aRun('r', { status: 'done', started_at: 1000, ended_at: 1075 });

  it.each([
    ['has ended', [running], [done], ['r']],
    ['still runs', [running], [running], []],
    ['had ended before', [done], [done], []],
    ['was not known', [], [done], []],
    ['was short', [running], [{ ...done, ended_at: 1059 }], []]
  ])('%s', (_, before, now, told) => {
    expect(endedLong(before, now, 60).map(({ id }) => id)).toEqual(told);
  });

  it('says how it ended', () => {
    expect(noticeOfRun(done, trans)).toEqual({
      type: 'success',
      text: 'Done after 1 min 15 s: [1] x = 1'
    });
    expect(noticeOfRun({ ...done, status: 'failed' }, trans).type).toBe('error');
  });
});
