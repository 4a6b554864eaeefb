/**
 * A chart of one number over time, with its scale.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX } from 'react';

import { formatSpan } from '../format';
import type { IPoint } from '../history';
import { linePath } from './meter';

const WIDTH = 300;
const HEIGHT = 60;

interface IChartProps {
  readonly title: string;
  /** What it is now. */
  readonly text: string;
  /** One or two lines; the second is dashed. */
  readonly lines: readonly (readonly IPoint[])[];
  /** Value at the top; by default a round number above all that is shown. */
  readonly top?: number;
  readonly format: (value: number) => string;
  readonly now: number;
  readonly spanS: number;
  readonly trans: TranslationBundle;
}

/** A titled chart; its numbers are text, so that the picture itself is decoration. */
export function Chart(props: IChartProps): JSX.Element {
  const { title, text, lines, format, now, spanS, trans } = props;
  const top =
    props.top ?? roundUp(Math.max(0, ...lines.flat().map(({ value }) => value ?? 0)));
  const box = { from: now - spanS, to: now, top, width: WIDTH, height: HEIGHT };
  return (
    <figure className="jp-scale-Chart" aria-label={`${title}: ${text}`}>
      <figcaption className="jp-scale-Row">
        <span className="jp-scale-Name">{title}</span>
        <span className="jp-scale-Aside">{text}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        <path
          className="jp-scale-Chart-grid"
          d={`M0 1H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}`}
        />
        {lines.map((points, index) => (
          <path
            key={index}
            className={index > 0 ? 'jp-scale-mod-second' : undefined}
            d={linePath(points, box)}
          />
        ))}
      </svg>
      <div className="jp-scale-Chart-scale" aria-hidden="true">
        <span>{trans.__('%1 ago', formatSpan(spanS))}</span>
        <span>{trans.__('top: %1', format(top))}</span>
        <span>{trans.__('now')}</span>
      </div>
    </figure>
  );
}

/** The next of 1, 2, 5, 10, 20, …; a scale that jumps with each sample could not be read. */
function roundUp(value: number): number {
  const magnitude = 10 ** Math.floor(Math.log10(Math.max(value, 1000)));
  const step = [1, 2, 5, 10].find(each => each * magnitude >= value) ?? 10;
  return step * magnitude;
}
