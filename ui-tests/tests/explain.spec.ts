/**
 * What a cell would do is shown beside the notebook, by button and by keyboard; nothing runs.
 */
import { findViolations } from './axe';
import { expect, test } from './lab';

const CELLS = [
  'data = list(range(1000))',
  '%%scale --serial\ntotal = sum(x * x for x in data)\nmissing = [x for x in data]',
  'def broken(:'
];

for (const theme of ['Light', 'Dark'] as const) {
  test(`an explanation beside the notebook, ${theme}`, async ({ lab, page }) => {
    await lab.setTheme(theme);
    await lab.openNotebook(CELLS);
    await lab.run(0);
    await lab.select(1);
    await lab.toolbarButton('jupyter-scale:explain-cell').click();
    const shown = page.locator('.jp-scale-Explanation');
    await expect(shown).toContainText('on a cluster on this machine');
    await expect(shown.getByRole('row', { name: /^data list/ })).toBeVisible();
    await expect(lab.cell(1).locator('.jp-OutputArea-output')).toHaveCount(0);
    await expect(lab.cell(1)).toBeVisible();
    await lab.screenshot(`explain-${theme.toLowerCase()}`);
    expect(await findViolations(lab, '.jp-scale-Explanation')).toEqual([]);

    await lab.select(2);
    await lab.execute('notebook:enter-command-mode');
    await page.keyboard.press('Shift+S');
    await expect(shown).toContainText('SyntaxError');
    await page.keyboard.press('s');
    expect(await lab.source(2)).toBe('%%scale\ndef broken(:');
  });
}
