/**
 * A public notebook with `%%scale` on every cell: it looks as a notebook does.
 *
 * Its text is fetched by name, see tests/equivalence/corpus.py; none of it is kept here.
 */
import { spawnSync } from 'node:child_process';

import type { Locator } from '@playwright/test';

import { expect, test } from './lab';

const CORPUS = '../tests/equivalence/corpus.py';
const EXAMPLE = 'scikit-learn: model_selection/plot_likelihood_ratios.py';

test('a public notebook', async ({ lab }) => {
  const fetched = spawnSync('python', [CORPUS, '--cells', '--only', EXAMPLE], {
    encoding: 'utf8',
    timeout: 60_000
  });
  test.skip(fetched.status !== 0, `not to be had: ${(fetched.stderr || '').slice(-300)}`);
  test.setTimeout(300_000);
  const cells = JSON.parse(fetched.stdout) as string[];
  await lab.openNotebook(['%load_ext jupyter_scale', ...cells.map(c => `%%scale\n${c}`)]);

  let figures = 0;
  let frames = 0;
  for (let index = 0; index <= cells.length; index++) {
    await lab.run(index);
    const outputs = lab.cell(index).locator('.jp-OutputArea-child');
    await expect(outputs.locator('.jp-RenderedText[data-mime-type*=error]')).toHaveCount(
      0
    );
    figures += await outputs.locator('img').count();
    frames += await outputs.locator('table.dataframe').count();
    await expectNothingLeft(lab.cell(index));
  }
  expect(figures).toBeGreaterThan(0);
  expect(frames).toBeGreaterThan(0);

  for (const theme of ['Light', 'Dark'] as const) {
    await lab.setTheme(theme);
    await lab.page.setViewportSize({ width: 1280, height: 6000 });
    await lab.select(0);
    await lab.screenshot(`foreign-${theme.toLowerCase()}`);
  }
});

/** After a cell there is one line about it, and no progress any more. */
async function expectNothingLeft(cell: Locator): Promise<void> {
  await expect(cell.getByRole('progressbar')).toHaveCount(0);
  await expect(cell.locator('.jp-OutputArea-executeResult')).not.toHaveCount(2);
}
