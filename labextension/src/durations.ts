/**
 * Spans of time as a profile says them: `90s`, `30m`, `2h`, `7d`. Pure.
 */
const DURATION = /^(\d+(?:\.\d+)?)\s*([smhd])$/;
const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Limits shorter than this are refused by the server. */
export const LEAST_S = 10;

/** The seconds of a text; null when it is no span of time. */
export function parseDuration(text: string): number | null {
  const match = DURATION.exec(text.trim());
  return match ? Number(match[1]) * (SECONDS[match[2] ?? ''] ?? NaN) : null;
}

/** The shortest text for so many seconds. */
export function writeDuration(seconds: number): string {
  for (const unit of ['d', 'h', 'm']) {
    const size = SECONDS[unit] ?? NaN;
    if (seconds >= size && seconds % size === 0) {
      return `${seconds / size}${unit}`;
    }
  }
  return `${seconds}s`;
}
