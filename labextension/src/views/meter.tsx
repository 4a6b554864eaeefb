/**
 * Small bars and lines: how much of something is used or done, and how it went.
 */
import type { JSX } from 'react';

import type { Load } from '../history';

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
}

/** A labelled bar with its number: how much of something is in use. */
export function Meter(props: IMeterProps): JSX.Element {
  const { label, shortLabel, text, part, title, isScarce } = props;
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
  readonly total: number;
}

/** A bar that fills: what is done in full colour, what is under way in a lighter one. */
export function Progress({
  label,
  text,
  done,
  running,
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
      <span style={{ width: percent(done) }} />
      <span className="jp-scale-mod-under-way" style={{ width: percent(running) }} />
    </div>
  );
}

const WIDTH = 60;
const HEIGHT = 16;

/** The path of a line through samples from 0 to 1, the latest at the right edge; null is a hole. */
export function linePath(samples: readonly Load[], length: number): string {
  const step = WIDTH / (length - 1);
  const left = WIDTH - step * (samples.length - 1);
  return samples
    .map((value, index) => {
      if (value === null) {
        return '';
      }
      const x = left + index * step;
      const y = HEIGHT - 1 - value * (HEIGHT - 2);
      const isBegin = (samples[index - 1] ?? null) === null;
      return `${isBegin ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`;
    })
    .join('');
}

interface ISparklineProps {
  readonly samples: readonly Load[];
  readonly length: number;
}

/** A short history; decoration beside the number, so it is hidden from screen readers. */
export function Sparkline({ samples, length }: ISparklineProps): JSX.Element {
  return (
    <svg
      className="jp-scale-Sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <path d={linePath(samples, length)} />
    </svg>
  );
}
