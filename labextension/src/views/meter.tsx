/**
 * Small bars and lines: how much of something is used or done, and how it went.
 */
import type { JSX } from 'react';

import { type IPoint, RECENT_S } from '../history';

interface IMeterProps {
  readonly label: string;
  /** What is shown of the label where there is little room. */
  readonly shortLabel?: string | undefined;
  /** The number beside the bar, as text. */
  readonly text: string;
  /** From 0 to 1; null when it is not known. */
  readonly part: number | null;
  readonly title?: string;
  /** Whether it is bad when nearly nothing is left, as with memory. */
  readonly isScarce?: boolean;
  /** Its last two minutes, parts from 0 to 1. */
  readonly points?: readonly IPoint[] | undefined;
  readonly now?: number;
}

/** A labelled bar with its number: how much of something is in use. */
export function Meter(props: IMeterProps): JSX.Element {
  const { label, shortLabel, text, part, title, isScarce, points, now = 0 } = props;
  const isFull = isScarce && part !== null && part > 0.9;
  return (
    <div className="jp-scale-Meter" title={title ?? `${label}: ${text}`}>
      <span className="jp-scale-Meter-label">{shortLabel ?? label}</span>
      <span
        className="jp-scale-Bar"
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round((part ?? 0) * 100)}
        aria-valuetext={text}
      >
        <span
          className={isFull ? 'jp-scale-mod-full' : undefined}
          style={{ width: `${(part ?? 0) * 100}%` }}
        />
      </span>
      {points && <Sparkline points={points} now={now} />}
      <span className="jp-scale-Meter-text">{text}</span>
    </div>
  );
}

interface IProgressProps {
  readonly label: string;
  readonly text: string;
  readonly done: number;
  /** Begun, but not done. */
  readonly running: number;
  readonly failed?: number;
  readonly total: number;
}

/** A bar that fills: what is done, striped what has failed, lighter what is under way. */
export function Progress({
  label,
  text,
  done,
  running,
  failed = 0,
  total
}: IProgressProps): JSX.Element {
  const percent = (count: number): string =>
    `${total > 0 ? Math.min(100, (100 * count) / total) : 0}%`;
  return (
    <div
      className="jp-scale-Bar jp-scale-mod-progress"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={total}
      aria-valuenow={done}
      aria-valuetext={text}
    >
      <span style={{ width: percent(done - Math.min(done, failed)) }} />
      <span className="jp-scale-mod-failed" style={{ width: percent(failed) }} />
      <span className="jp-scale-mod-under-way" style={{ width: percent(running) }} />
    </div>
  );
}

/** The path of a line through points in a box; a number holds until the next, null is a hole. */
export function linePath(
  points: readonly IPoint[],
  { from, to, top, width, height }: IBox
): string {
  const x = (at: number): string =>
    ((width * (Math.max(at, from) - from)) / (to - from)).toFixed(1);
  const y = (value: number): string =>
    (height - 1 - (Math.min(value, top) / top) * (height - 2)).toFixed(1);
  let path = '';
  points.forEach(({ at, value }, index) => {
    if (value === null) {
      return;
    }
    const isBegin = (points[index - 1]?.value ?? null) === null;
    path += `${isBegin ? 'M' : 'L'}${x(at)} ${y(value)}`;
    const next = points[index + 1]?.at ?? to;
    if (next - at > STEP_S) {
      path += `H${x(next)}`;
    }
  });
  return path;
}

/** Points so close are joined by a line; a number that held for longer is a level. */
const STEP_S = 11;

/** What a line is drawn in: a span of time, the value at the top, and the size. */
export interface IBox {
  readonly from: number;
  readonly to: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

interface ISparklineProps {
  /** Parts from 0 to 1. */
  readonly points: readonly IPoint[];
  /** Unix seconds, at the right edge. */
  readonly now: number;
}

/** Two minutes of history; decoration beside the number, so it is hidden from screen readers. */
export function Sparkline({ points, now }: ISparklineProps): JSX.Element {
  const box = { from: now - RECENT_S, to: now, top: 1, width: 60, height: 16 };
  return (
    <svg
      className="jp-scale-Sparkline"
      viewBox={`0 0 ${box.width} ${box.height}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <path d={linePath(points, box)} />
    </svg>
  );
}
