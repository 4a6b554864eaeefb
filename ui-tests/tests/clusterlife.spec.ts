/**
 * The panel with a real server, a real cluster and the demo's cells.
 */
import { readFileSync } from 'node:fs';

import { expect, test } from './lab';

/** The demo's code cells, but for the plain twin of the slow one. */
function demoCells(): string[] {
  const { cells } = JSON.parse(readFileSync('../binder/demo.ipynb', 'utf8')) as {
    cells: { cell_type: string; source: string[] }[];
  };
  return cells
    .filter(({ cell_type }) => cell_type === 'code')
    .map(({ source }) => source.join(''))
    .filter(source => !source.startsWith('started = '));
}

const SEARCH = 'results = [score(params) for params in grid]';
const ENDLESS = '%%scale\nimport time\n[time.sleep(0.3) for _ in range(1000)]';

test('start, watch, interrupt, survive a crash of the server, stop', async ({
  lab,
  server
}) => {
  test.setTimeout(300_000);
  const clusters = lab.section('clusters');
  const runs = lab.section('runs');

  await lab.openPanel();
  await lab.setPanelWidth(320);
  await lab.panel
    .getByRole('button', { name: 'Start a cluster on this computer' })
    .click();
  await expect(clusters.getByRole('list', { name: 'Steps of the start' })).toBeVisible();
  await lab.screenshot('panel-real-starting');
  await expect(clusters.getByText(/^Up /)).toBeVisible({ timeout: 60_000 });
  await expect(lab.section('nodes').getByRole('meter', { name: 'CPU' })).toBeVisible();

  const demo = demoCells();
  const search = demo.findIndex(
    source => source.startsWith('%%scale') && source.includes(SEARCH)
  );
  await lab.openNotebook([...demo.slice(0, search + 1), ENDLESS]);
  for (let index = 0; index < search; index++) {
    if (!demo[index]?.includes('plain_results')) {
      await lab.run(index);
    }
  }
  const running = lab.run(search);
  const bar = runs.getByRole('progressbar');
  await expect(bar).toHaveAttribute('aria-valuemax', '72', { timeout: 60_000 });
  await expect
    .poll(async () => Number(await bar.getAttribute('aria-valuenow')), {
      timeout: 60_000
    })
    .toBeGreaterThan(4);
  await expect(lab.statusItem).toHaveText(/^%%scale: \d+ workers?, 1 run \d+ %$/);
  await lab.screenshot('panel-real-working');
  await running;
  await expect(bar).toHaveCount(0);
  await expect(runs.getByRole('img', { name: 'Done' }).first()).toBeVisible();

  const endless = lab.run(search + 1);
  await lab.panel.getByRole('button', { name: 'Interrupt this cell' }).click();
  await endless;
  await expect(runs.getByRole('img', { name: 'Interrupted' })).toBeVisible();
  await runs.getByRole('button', { name: 'started = time.perf_counter()' }).click();
  await expect(lab.cell(search)).toHaveClass(/jp-mod-active/);
  await lab.screenshot('panel-real-interrupted');

  // JupyterLab's own dialog about the lost server; the panel needs none.
  await lab.page.addLocatorHandler(lab.page.locator('.jp-Dialog'), async dialog => {
    await dialog.locator('.jp-Dialog-footer button').last().click();
  });
  await server.kill();
  await expect(lab.statusItem).toHaveText('%%scale: offline');
  await lab.screenshot('panel-real-offline');
  await server.start();
  await expect(clusters.getByText(/^Up /)).toBeVisible({ timeout: 60_000 });
  await expect(lab.statusItem).toHaveText(/^%%scale: \d+ workers?, idle$/, {
    timeout: 60_000
  });
  await lab.screenshot('panel-real-adopted');

  await lab.panel.getByRole('button', { name: 'Stop the cluster' }).click();
  await expect(lab.statusItem).toHaveText('%%scale: no cluster', { timeout: 60_000 });
  await expect(
    lab.panel.getByRole('button', { name: 'Start a cluster on this computer' })
  ).toBeVisible();
  await lab.screenshot('panel-real-stopped');
});
