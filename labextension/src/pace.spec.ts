import { expect, it } from 'vitest';

import { untilBeat } from './pace';

it.each([
  [0, 500, 500],
  [480, 500, 20],
  [499, 500, 501],
  [500, 500, 500],
  [1750.5, 1000, 249.5],
  [1750.5, 0, 0]
])('at %d, every %d ms: in %d ms', (now, every, left) => {
  expect(untilBeat(now, every)).toBe(left);
});
