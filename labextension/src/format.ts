/**
 * Numbers as people read them. Pure; units are international symbols, so nothing is translated.
 */
const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** A size, for instance `3.2 GB`. */
export function formatBytes(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 999.5 && unit < BYTE_UNITS.length - 1) {
    size /= 1000;
    unit += 1;
  }
  const digits = size >= 9.95 || unit === 0 ? 0 : 1;
  return `${size.toFixed(digits)} ${BYTE_UNITS[unit] ?? ''}`;
}

/** How much goes by in a second, for instance `3.2 MB/s`. */
export function formatRate(bytesPerS: number): string {
  return `${formatBytes(bytesPerS)}/s`;
}

/** A size that is part of another, in the unit of the whole: `1.2 / 7.8 GB`. */
export function formatBytesOf(used: number, total: number): string {
  const whole = formatBytes(total);
  const unit = whole.slice(whole.indexOf(' ') + 1);
  const size = used / 1000 ** BYTE_UNITS.indexOf(unit);
  return `${size >= 9.95 ? size.toFixed(0) : size.toFixed(1)} / ${whole}`;
}

/** A span of time with its two largest units: `45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) {
    return `${whole} s`;
  }
  if (whole < 3600) {
    return join(Math.floor(whole / 60), 'min', whole % 60, 's');
  }
  if (whole < 86_400) {
    return join(Math.floor(whole / 3600), 'h', Math.floor((whole % 3600) / 60), 'min');
  }
  return join(Math.floor(whole / 86_400), 'd', Math.floor((whole % 86_400) / 3600), 'h');
}

/** A span of time roughly, for what counts in minutes: `45 s`, `3 min`, `2 h 5 min`. */
export function formatSpan(seconds: number): string {
  return seconds >= 60 && seconds < 3600
    ? `${Math.floor(seconds / 60)} min`
    : formatDuration(seconds);
}

/** How long something took; short ones with a decimal: `0.4 s`. */
export function formatElapsed(seconds: number): string {
  return seconds >= 0 && seconds < 9.95
    ? `${seconds.toFixed(1)} s`
    : formatDuration(seconds);
}

/** A part from 0 to 1: `40 %`. */
export function formatPercent(part: number): string {
  return `${Math.round(part * 100)} %`;
}

/** How many, with three digits that matter: `0.25`, `3.1`, `1200`. */
export function formatCount(count: number): string {
  return count >= 100 ? count.toFixed(0) : String(Number(count.toPrecision(2)));
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The last part of a dotted name: `ndarray` of `numpy.ndarray`. */
export function lastPart(dotted: string): string {
  return dotted.slice(dotted.lastIndexOf('.') + 1);
}

/** The first line that says something: what happened, before what can be done. */
export function firstLine(text: string): string {
  return text.trimStart().split('\n')[0]?.trim() ?? '';
}

/**
 * What can be done, as the text of a server's error ends with it: behind its first line, and behind
 * the lines of a log, which are indented. Empty when it says nothing.
 */
export function adviceIn(text: string): string {
  const [, ...rest] = text.trim().split('\n');
  const said = rest.filter(line => line.trim() && !/^\s/.test(line));
  return said.filter(line => !line.startsWith('Its last lines')).join(' ');
}

/** The last line that says something, as the end of a traceback does. */
export function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1)?.trim() ?? '';
}

function join(large: number, unit: string, small: number, smallUnit: string): string {
  return small ? `${large} ${unit} ${small} ${smallUnit}` : `${large} ${unit}`;
}
