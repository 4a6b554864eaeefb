import { expect, test } from 'vitest';

import { parseDuration, writeDuration } from './durations';

test.each([
  ['90s', 90],
  ['30m', 1800],
  [' 1.5 h ', 5400],
  ['7d', 604_800],
  ['', null],
  ['30', null],
  ['m', null],
  ['-1h', null],
  ['1h 30m', null]
])('the seconds of %j', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});

test.each([
  [90, '90s'],
  [1800, '30m'],
  [7200, '2h'],
  [5400, '90m'],
  [604_800, '7d'],
  [0.5, '0.5s']
])('%d seconds as text', (seconds, text) => {
  expect(writeDuration(seconds)).toBe(text);
  expect(parseDuration(text)).toBe(seconds);
});
