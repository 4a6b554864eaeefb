/**
 * The log as the panel shows it: how much is kept, and what of it is wanted. Pure.
 */
import type { ILogLine, LogLevel } from './feed';

/** As the server keeps it, so that a page that came later shows the same. */
const MOST_NEWS = 300;
const MOST_TROUBLES = 200;
const MOST_COMPLAINTS = 150;

/** What is kept: the latest plain news, warnings and errors, and complaints of nodes. */
export function bounded(lines: readonly ILogLine[]): readonly ILogLine[] {
  const left = { news: MOST_NEWS, troubles: MOST_TROUBLES, complaints: MOST_COMPLAINTS };
  const kindOf = ({ level, source }: ILogLine): keyof typeof left =>
    source ? 'complaints' : level === 'info' ? 'news' : 'troubles';
  return [...lines]
    .reverse()
    .filter(line => left[kindOf(line)]-- > 0)
    .reverse();
}

/** Which lines are wanted. */
export interface ILogFilter {
  /** These and worse ones. */
  readonly level: LogLevel;
  /** Empty for all; else a place of `placesOf`. */
  readonly place: string;
}

const RANKS: Record<LogLevel, number> = { info: 0, warning: 1, error: 2 };

/** The lines that are wanted, the latest first. */
export function filterLog(
  lines: readonly ILogLine[],
  { level, place }: ILogFilter
): readonly ILogLine[] {
  return lines
    .filter(
      line =>
        RANKS[line.level] >= RANKS[level] &&
        (!place || place === placeOf(line) || place === clusterOf(line))
    )
    .reverse();
}

/** A cluster or a node of which there are lines. */
export interface IPlace {
  readonly id: string;
  readonly name: string;
}

const collator = new Intl.Collator(undefined, { numeric: true });

/** All clusters and nodes of which there are lines, each cluster before its nodes. */
export function placesOf(lines: readonly ILogLine[]): readonly IPlace[] {
  const places = new Map<string, string>();
  for (const line of lines) {
    if (line.cluster) {
      places.set(clusterOf(line), line.name || line.cluster);
    }
    if (line.node) {
      places.set(placeOf(line), `${line.name || line.cluster}: ${line.node}`);
    }
  }
  return [...places]
    .map(([id, name]) => ({ id, name }))
    .sort((a, b) => collator.compare(a.name, b.name));
}

function clusterOf({ cluster }: ILogLine): string {
  return `${cluster}/`;
}

function placeOf({ cluster, node }: ILogLine): string {
  return `${cluster}/${node}`;
}
