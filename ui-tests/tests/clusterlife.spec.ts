/**
 * The panel with a real server, a real cluster, from its start to its end.
 */
import { expect, test } from './lab';

test.use({ home: 'clusterlife' }); // without clusters of other tests, and to be killed

const NAPS = 60;
const CELLS = [
  '%load_ext jupyter_scale',
  'import time\ndef nap(n):\n    time.sleep(0.2)\n    return n * n',
  `%%scale\nnaps = [nap(n) for n in range(${NAPS})]`,
  '%%scale\n[time.sleep(0.3) for _ in range(1000)]',
  'naps[-1]',
  `%%scale
try:
    [time.sleep(0.3) for _ in range(1000)]
except KeyboardInterrupt:
    quotients = [1 / (nap(n) - 16) for n in range(12)]`
];
const [LOAD, DEFINE, SPREAD, ENDLESS, RESULT, STOPPED] = [0, 1, 2, 3, 4, 5] as const;

test('start, watch, interrupt, survive a crash of the server, stop', async ({
  lab,
  server
}) => {
  test.setTimeout(180_000);
  const clusters = lab.section('clusters');
  const runs = lab.section('runs');

  await lab.openPanel();
  await lab.setPanelWidth(320);
  await lab.panel
    .getByRole('button', { name: 'Start a cluster on this computer' })
    .click();
  const isUp = clusters.getByText(/^Up /);
  const steps = clusters.getByRole('list', { name: 'Steps of the start' });
  await expect(steps.or(isUp).first()).toBeVisible(); // it takes hardly a second
  await lab.screenshot('panel-real-starting');
  await expect(isUp).toBeVisible({ timeout: 60_000 });
  await expect(lab.section('nodes').getByRole('meter', { name: 'CPU' })).toBeVisible();

  await lab.openNotebook(CELLS);
  await clusters.getByRole('button', { name: /^Use the cluster "local" in / }).click();
  await expect(lab.page.getByText(/\.ipynb uses "local" now\./).first()).toBeVisible();
  await lab.run(LOAD);
  await lab.run(DEFINE);
  const spread = lab.run(SPREAD);
  const bar = runs.getByRole('progressbar');
  await expect(bar).toHaveAttribute('aria-valuemax', String(NAPS), { timeout: 60_000 });
  await expect
    .poll(async () => Number(await bar.getAttribute('aria-valuenow')), {
      timeout: 60_000
    })
    .toBeGreaterThan(4);
  await expect(lab.statusItem).toHaveText(/^%%scale: 1 node, \d+ of \d+ busy, \d+ %$/);
  await lab.screenshot('panel-real-working');
  await spread;
  await expect(bar).toHaveCount(0);
  await expect(runs.getByRole('img', { name: 'Done' }).first()).toBeVisible();

  const endless = lab.run(ENDLESS);
  await lab.panel.getByRole('button', { name: 'Interrupt this cell' }).click();
  await endless;
  await expect(runs.getByRole('img', { name: 'Interrupted' })).toBeVisible();

  const stopped = lab.run(STOPPED);
  await runs.getByRole('button', { name: /^Stop the loop in line 2:/ }).click();
  await stopped;
  const failure = runs.getByRole('listitem').filter({ hasText: 'ZeroDivisionError' });
  await expect(failure.getByRole('list', { name: 'What it was at' })).toHaveText(
    'withn = 4iteration 4'
  );
  await lab.screenshot('panel-real-failed');

  await expect(await lab.run(RESULT)).toHaveText(String((NAPS - 1) ** 2));
  await runs.getByRole('button', { name: 'naps = [' }).click();
  await expect(lab.cell(SPREAD)).toHaveClass(/jp-mod-active/);
  await lab.screenshot('panel-real-interrupted');

  // JupyterLab's own dialog about the lost server; the panel needs none.
  const lost = lab.page.locator('.jp-Dialog');
  await lab.page.addLocatorHandler(lost, async dialog => {
    await dialog.locator('.jp-Dialog-footer button').last().click();
  });
  await server.kill();
  await expect(lab.statusItem).toHaveText('%%scale: offline');
  await lab.screenshot('panel-real-offline');
  await server.start();
  await expect(clusters.getByText(/^Up /)).toBeVisible({ timeout: 60_000 });
  await expect(lab.statusItem).toHaveText('%%scale: 1 node, idle', {
    timeout: 60_000
  });
  await lab.screenshot('panel-real-adopted');
  await lab.page.removeLocatorHandler(lost);

  await lab.stopCluster();
  await expect(lab.statusItem).toHaveText('%%scale: no cluster', { timeout: 60_000 });
  await expect(
    lab.panel.getByRole('button', { name: 'Start a cluster on this computer' })
  ).toBeVisible();
  await lab.screenshot('panel-real-stopped');
});
