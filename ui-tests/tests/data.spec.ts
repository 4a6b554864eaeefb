/**
 * What a notebook has on the cluster: seen as it changes, freed, fetched; a thousand names.
 */
import type { Locator } from '@playwright/test';

import { findViolations } from './axe';
import { expect, type Lab, test } from './lab';

test.use({ home: 'data' });

const CELLS = [
  '%load_ext jupyter_scale\nimport numpy as np\nX = np.zeros((20_000, 10))\nY = X + 1',
  '%%scale --keep model other\ntotal = X.sum() + Y.sum()\nmodel = np.ones(100_000)\nother = [model]',
  'X[0] = 5',
  'model.sum()',
  'import time\ntime.sleep(1000)',
  '%%scale\nfor i in range(1000):\n    globals()[f"name_{i}"] = [i]'
];
const [PREPARE, SEND, CHANGE, USE, WAIT, MANY] = [0, 1, 2, 3, 4, 5] as const;

function rowOf(lab: Lab, name: string): Locator {
  const code = lab.page.locator('code', { hasText: new RegExp(`^${name}$`) });
  return lab.section('data').getByRole('listitem').filter({ has: code });
}

test('names are seen, freed and fetched, and a thousand of them are no burden', async ({
  lab,
  page
}) => {
  test.setTimeout(150_000);
  await page.setViewportSize({ width: 1280, height: 1100 });
  const data = lab.section('data');
  await lab.openPanel();
  await expect(data).toContainText('What a notebook has on the cluster appears here.');
  await lab.openNotebook(CELLS);
  await lab.run(PREPARE);
  await expect(data).toContainText('The cluster holds nothing of this notebook.');
  await lab.run(SEND);
  await expect(rowOf(lab, 'X')).toContainText('ndarray (20000, 10) float64Fresh');
  await expect(rowOf(lab, 'model')).toContainText(
    '800 kBndarray (100000,) float64Pinned'
  );
  await expect(data).toContainText(/The last cell sent \d+ kB and was spared 0 B/);
  await lab.run(CHANGE);
  await expect(rowOf(lab, 'X')).toContainText('Stale');
  for (const width of [280, 600]) {
    await lab.setPanelWidth(width);
    for (const theme of ['Dark', 'Light'] as const) {
      await lab.setTheme(theme);
      await lab.screenshot(`data-${theme.toLowerCase()}-${width}`);
      expect(await findViolations(lab, '.jp-scale-mod-data')).toEqual([]);
    }
  }

  await data.getByRole('button', { name: 'Free Y on the cluster' }).press('Enter');
  await expect(rowOf(lab, 'Y')).toHaveCount(0);
  await expect(data).toBeFocused();

  const dialog = page.locator('.jp-Dialog');
  await data.getByRole('button', { name: 'Free other on the cluster' }).click();
  await expect(dialog).toContainText('on the cluster only: it is lost');
  await dialog.getByRole('button', { name: 'Keep It' }).click();
  await expect(rowOf(lab, 'other')).toContainText('Pinned');
  await data.getByRole('button', { name: 'Free other on the cluster' }).click();
  await dialog.getByRole('button', { name: 'Free It' }).click();
  await expect(rowOf(lab, 'other')).toHaveCount(0);

  await expect(await lab.run(USE)).toContainText('stays on the cluster');
  await data.getByRole('button', { name: 'Fetch model into the notebook' }).click();
  await expect(rowOf(lab, 'model')).toContainText('Fresh');
  await expect(await lab.run(USE)).toContainText('100000.0');

  const waiting = lab.run(WAIT);
  await expect(data).toContainText('A cell is running: this is as');
  await expect(rowOf(lab, 'model').getByRole('button')).toBeDisabled();
  await lab.execute('notebook:interrupt-kernel');
  await waiting;
  await expect(rowOf(lab, 'model').getByRole('button')).toBeEnabled();

  await lab.run(MANY);
  const rows = data.getByRole('listitem').and(page.locator('.jp-scale-Holding'));
  await expect(rows.first()).toHaveAttribute('aria-setsize', /^10\d\d$/);
  expect(await rows.count()).toBeLessThan(60);
  await data.getByLabel('Sort by').selectOption('name');
  await data.evaluate(section => section.scrollTo(0, section.scrollHeight));
  await expect(rowOf(lab, 'name_999')).toBeVisible();
  expect(await rows.count()).toBeLessThan(60);
  await lab.screenshot('data-many');
});
