/**
 * The panel and the cell view in Notebook 7, as far as they do not come from JupyterLab itself.
 */
import { writeFileSync } from 'node:fs';

import { expect, test as base } from '@playwright/test';

import { LabServer } from './labserver';

const test = base.extend<object, { server: LabServer }>({
  server: [
    // eslint-disable-next-line no-empty-pattern -- Playwright insists on it
    async ({}, use) => {
      const server = new LabServer('test-results/server-notebook7.log');
      await server.start();
      await use(server);
      await server.end();
    },
    { scope: 'worker', timeout: 90_000 }
  ]
});

const CELLS = [
  '%load_ext jupyter_scale',
  '%%scale\nimport time\nnaps = [time.sleep(0.1) for _ in range(80)]'
];

test('the panel beside a notebook of Notebook 7', async ({ page, server }) => {
  test.setTimeout(150_000);
  const cells = CELLS.map((source, index) => ({
    cell_type: 'code',
    id: `cell-${index}`,
    metadata: {},
    outputs: [],
    execution_count: null,
    source
  }));
  const kernelspec = { name: 'python3', display_name: 'Python 3', language: 'python' };
  writeFileSync(
    `${server.folder}/naps.ipynb`,
    JSON.stringify({ cells, metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5 })
  );
  await page.goto(`${server.url}/notebooks/naps.ipynb?token=${server.token}`);
  const run = page
    .locator('.jp-NotebookPanel-toolbar [data-command*="run-cell"]')
    .first();
  await expect(page.locator('.jp-CodeCell')).toHaveCount(2);
  await page.getByRole('menuitem', { name: 'Cluster' }).click();
  await page.locator('.lm-Menu').getByText('Show Clusters').click();
  const panel = page.locator('#jupyter-scale-panel');
  await expect(panel).toBeVisible();

  await expect(page.getByText('Idle').or(run).first()).toBeVisible();
  await page.locator('.jp-CodeCell .cm-content').first().click();
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.press('Shift+Enter');
  const output = page.locator('.jp-CodeCell').nth(1).locator('.jp-OutputArea');
  await expect(output.getByText(/line 2: \d+\/80/)).toBeVisible({ timeout: 60_000 });
  await expect(panel.getByRole('progressbar')).toBeVisible({ timeout: 20_000 });
  await page.screenshot({ path: 'test-results/notebook7.png', animations: 'disabled' });
  await expect(output.getByText(/^cluster · .* 1 loop spread/)).toBeVisible({
    timeout: 60_000
  });

  await page.locator('.jp-CodeCell .cm-content').nth(1).click();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Shift+S');
  await expect(page.locator('.jp-scale-Explanation')).toContainText('may spread');
  await page.screenshot({ path: 'test-results/notebook7-explain.png' });
});

test('the list of files of Notebook 7 is as it was', async ({ page, server }) => {
  const errors: string[] = [];
  page.on('console', message => {
    if (message.type() === 'error' && message.text().includes('jupyter-scale')) {
      errors.push(message.text());
    }
  });
  await page.goto(`${server.url}/tree?token=${server.token}`);
  await expect(page.locator('.jp-DirListing-content')).toBeVisible();
  expect(errors).toEqual([]);
});
