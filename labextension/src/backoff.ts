/**
 * How long to wait before the next attempt to connect. Pure.
 */
const FIRST_MS = 500;
const CAP_MS = 30_000;

/**
 * The delay before attempt number `attempt` (from 0): it doubles up to half a minute, and half of it
 * is chance, so that many browsers do not come back to a server in the same moment.
 *
 * @param random - from 0 up to 1.
 */
export function delayMs(attempt: number, random: number): number {
  const full = Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.round(full * (0.5 + random / 2));
}
