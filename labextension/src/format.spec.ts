import { describe, expect, test } from 'vitest';

import {
  adviceIn,
  baseName,
  firstLine,
  formatBytes,
  formatBytesOf,
  formatCount,
  formatDuration,
  formatElapsed,
  formatPercent,
  formatRate,
  formatSpan,
  lastLine
} from './format';

describe('numbers', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [9949, '9.9 kB'],
    [12_345_678, '12 MB'],
    [999_600_000, '1.0 GB'],
    [5e15, '5000 TB']
  ])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  test.each([
    [1.23e9, 7.8e9, '1.2 / 7.8 GB'],
    [5e8, 64e9, '0.5 / 64 GB'],
    [31.7e9, 64e9, '32 / 64 GB']
  ])('%d of %d bytes are %s', (used, total, text) =>
    expect(formatBytesOf(used, total)).toBe(text)
  );

  test.each([
    [-3, '0 s'],
    [59.4, '59 s'],
    [59.6, '1 min'],
    [200, '3 min 20 s'],
    [3600, '1 h'],
    [7500, '2 h 5 min'],
    [273_600, '3 d 4 h']
  ])('%d seconds are %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text));

  test('a span leaves the seconds out', () => expect(formatSpan(200)).toBe('3 min'));

  test.each([
    [0.42, '0.4 s'],
    [9.96, '10 s'],
    [-0.1, '0 s']
  ])('%d seconds took %s', (seconds, text) => expect(formatElapsed(seconds)).toBe(text));

  test('percent', () => expect(formatPercent(0.404)).toBe('40 %'));
});

describe('text', () => {
  test('the last part of a path', () => {
    expect(baseName('a/b/c.ipynb')).toBe('c.ipynb');
    expect(baseName('c.ipynb')).toBe('c.ipynb');
  });

  test('the last line of a traceback', () => {
    expect(lastLine('Traceback\n  x\nValueError: no\n\n')).toBe('ValueError: no');
    expect(lastLine('')).toBe('');
    expect(firstLine('\nh2 failed: no route.\nIs it on?')).toBe('h2 failed: no route.');
    expect(firstLine('')).toBe('');
  });
});

test.each([
  [0.254, '0.25'],
  [3.14, '3.1'],
  [42, '42'],
  [1234.5, '1235']
])('%s of them is %s', (count, text) => {
  expect(formatCount(count)).toBe(text);
});

test('a rate', () => {
  expect(formatRate(1.2e6)).toBe('1.2 MB/s');
});

test.each([
  ['h2 failed: no route.', ''],
  ['h2 failed: no route.\nIs it switched on?\n', 'Is it switched on?'],
  [
    'node did not start: exit 1\nIts last lines:\n    OSError: [Errno 28]\n\nFree some space there.\nThen try again.',
    'Free some space there. Then try again.'
  ]
])('the advice in %j', (text, advice) => {
  expect(adviceIn(text)).toBe(advice);
});
