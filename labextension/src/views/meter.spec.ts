import { expect, test } from 'vitest';

import { linePath } from './meter';

test('the latest sample is at the right edge', () => {
  expect(linePath([], 61)).toBe('');
  expect(linePath([0], 61)).toBe('M60.0 15.0');
  expect(linePath([0, 1], 61)).toBe('M59.0 15.0L60.0 1.0');
  expect(linePath([0, 1, null, 1], 61)).toBe('M57.0 15.0L58.0 1.0M60.0 1.0');
});
