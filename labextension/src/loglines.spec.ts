import { expect, test } from 'vitest';

import { isTroubled } from './loglines';

test.each([
  ['2026-11-22 10:00:00,123 - distributed.worker - WARNING - Memory is high', true],
  ['2026-11-22 10:00:00,123 - distributed.worker - INFO - Starting', false],
  ['Traceback (most recent call last):', true],
  ['OSError: [Errno 28] No space left on device', true],
  ['UserWarning: deprecated', true],
  ['error rate 0.3', false],
  ['', false]
])('%s', (line, expected) => {
  expect(isTroubled(line)).toBe(expected);
});
