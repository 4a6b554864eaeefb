/**
 * What failed cells were at when they raised, as the panel says it. Pure.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IInputs, IRunView } from './feed';

/** Of so many failures with the same exception it is said. */
export const INPUTS_SHOWN = 3;

/** What one failure was at: short forms of values, and which iteration that was. */
export interface IWith {
  /** One text for each loop around, the innermost first: `alpha = 0.1, fold = 2`. */
  readonly values: readonly string[];
  /** For instance `iteration 7`; empty where nobody knows. */
  readonly aside: string;
}

/** What the first of these runs were at, each said once. */
export function withOf(
  runs: readonly IRunView[],
  trans: TranslationBundle
): readonly IWith[] {
  const said = new Map<string, IWith>();
  for (const { inputs } of runs) {
    if (inputs.length > 0 && said.size < INPUTS_SHOWN) {
      const one = describe(inputs, trans);
      said.set(JSON.stringify(one), one);
    }
  }
  return [...said.values()];
}

function describe(inputs: readonly IInputs[], trans: TranslationBundle): IWith {
  const inside = [...inputs].reverse();
  const index = inside[0]?.index ?? null;
  return {
    values: inside.map(({ call, values }) => {
      const all = values.join(', ');
      return call ? `${call}(${all})` : all;
    }),
    aside: index === null ? '' : trans.__('iteration %1', index)
  };
}
