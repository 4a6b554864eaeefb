import { expect, test } from 'vitest';

import { linePath } from './meter';

const BOX = { from: 100, to: 160, top: 1, width: 60, height: 16 };

test('a line ends at the right edge, and holds until now', () => {
  expect(linePath([], BOX)).toBe('');
  expect(linePath([{ at: 160, value: 0 }], BOX)).toBe('M60.0 15.0');
  expect(
    linePath(
      [
        { at: 150, value: 0 },
        { at: 159, value: 1 }
      ],
      BOX
    )
  ).toBe('M50.0 15.0L59.0 1.0');
  expect(linePath([{ at: 130, value: 1 }], BOX)).toBe('M30.0 1.0H60.0');
});

test('what was before the span begins at its left edge, and a hole is none of the line', () => {
  expect(
    linePath(
      [
        { at: 40, value: 0.5 },
        { at: 130, value: null },
        { at: 150, value: 2 },
        { at: 155, value: 1 }
      ],
      BOX
    )
  ).toBe('M0.0 8.0H30.0M50.0 1.0L55.0 1.0');
});
