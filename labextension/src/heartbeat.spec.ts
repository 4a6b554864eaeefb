import { describe, expect, it } from 'vitest';

import { heartbeatAfterCut } from './heartbeat';

describe('heartbeatAfterCut', () => {
  it('asks for several signs within the time that the way allows', () => {
    expect(heartbeatAfterCut(null, 60_000)).toBe(20);
    expect(heartbeatAfterCut(null, 10_040)).toBe(3.3);
  });

  it('never asks for more than one a second', () => {
    expect(heartbeatAfterCut(null, 0)).toBe(1);
    expect(heartbeatAfterCut(1, 900)).toBe(1);
  });

  it('does not forget what was learned', () => {
    expect(heartbeatAfterCut(1.5, 60_000)).toBe(1.5);
    expect(heartbeatAfterCut(20, 6000)).toBe(2);
  });
});
