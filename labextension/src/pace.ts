/**
 * When views draw: at times that are the same for all of them.
 */

/** A timer that comes so little early has come in time. */
const EARLY_MS = 10;

/** How many milliseconds after `nowMs` the next multiple of `everyMs` is; 0 when that is 0. */
export function untilBeat(nowMs: number, everyMs: number): number {
  if (everyMs <= EARLY_MS) {
    return everyMs;
  }
  const left = everyMs - (nowMs % everyMs);
  return left < EARLY_MS ? left + everyMs : left;
}
