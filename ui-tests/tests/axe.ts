/**
 * What axe finds that is serious or critical.
 */
import { type AxeResults, source as AXE } from 'axe-core';

import type { Lab } from './lab';

/** What is wrong in a part of the page: rule, element, and why. */
export async function findViolations(lab: Lab, selector: string): Promise<string[]> {
  if (!(await lab.page.evaluate(() => 'axe' in window))) {
    await lab.page.evaluate(AXE);
  }
  return lab.page.evaluate(async include => {
    const { axe } = window as unknown as {
      axe: { run(context: object): Promise<AxeResults> };
    };
    const { violations } = await axe.run({ include: [include] });
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) =>
        nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary ?? ''}`)
      );
  }, selector);
}
