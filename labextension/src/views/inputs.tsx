/**
 * What failed cells were at when they raised.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX } from 'react';

import type { IRunView } from '../feed';
import { type IWith, withOf } from '../inputs';

interface IInputsProps {
  /** They failed with the same exception. */
  readonly runs: readonly IRunView[];
  readonly trans: TranslationBundle;
}

/** A line for each of the first few failures; none where nothing is known. */
export function Inputs({ runs, trans }: IInputsProps): JSX.Element | null {
  const lines = withOf(runs, trans);
  if (lines.length === 0) {
    return null;
  }
  return (
    <ul className="jp-scale-Inputs" aria-label={trans.__('What it was at')}>
      {lines.map((line, index) => (
        <With key={index} line={line} trans={trans} />
      ))}
    </ul>
  );
}

interface IWithProps {
  readonly line: IWith;
  readonly trans: TranslationBundle;
}

function With({ line: { values, aside }, trans }: IWithProps): JSX.Element {
  return (
    <li title={[...values, aside].filter(Boolean).join('\n')}>
      <span className="jp-scale-With">{trans.__('with')}</span>
      <span className="jp-scale-Values">
        {values.map((value, index) => (
          <code key={index}>{value}</code>
        ))}
      </span>
      {aside && <span className="jp-scale-Aside">{aside}</span>}
    </li>
  );
}
