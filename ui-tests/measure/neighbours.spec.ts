/**
 * What the neighbours' panels cost, by the same meter as `cost.spec.ts`. Nothing is asserted.
 *
 * `NEIGHBOURS` is the `bin` of an environment with jupyterlab, dask-labextension and
 * jupyterlab-nvdashboard; without it there is nothing to measure.
 */
import { join } from 'node:path';

import { expect, test } from '@playwright/test';

import { Lab } from '../tests/lab';
import { LabServer } from '../tests/labserver';
import { follow, HEAD, row } from './meter';

const BIN = process.env.NEIGHBOURS ?? '';
const SECONDS = Number(process.env.MEASURE_S ?? 30);
const SETTLE_MS = 5000;
/** Their sockets: nvdashboard's own, and those of Bokeh's documents. */
const SOCKETS = /\/nvdashboard\/|\/ws(\?|$)/;
const TASKS = `
import json, time, urllib.request
from dask.distributed import Client
from jupyter_server.serverapp import list_running_servers
[server] = list_running_servers()
request = urllib.request.Request(
    server["url"] + "dask/clusters", headers={"Authorization": "token " + server["token"]}
)
[cluster] = json.load(urllib.request.urlopen(request))
def nap(number):
    time.sleep(0.1)
    return number
naps = Client(cluster["scheduler_address"]).map(nap, range(10_000))`;

test('what the neighbours cost', async ({ page }) => {
  test.skip(BIN === '', 'NEIGHBOURS names no environment');
  test.setTimeout(180_000 + 6 * (1000 * SECONDS + SETTLE_MS));
  const server = new LabServer('test-results/neighbours.log', join(BIN, 'python'));
  await server.start();
  try {
    const lab = new Lab(page);
    const session = await page.context().newCDPSession(page);
    const read = await follow(session, server.pid, SOCKETS);
    await lab.open(`${server.url}/lab?reset&token=${server.token}`);
    const rows: string[] = [];
    const measure = async (name: string): Promise<void> => {
      await page.waitForTimeout(SETTLE_MS);
      const before = await read();
      await page.waitForTimeout(1000 * SECONDS);
      rows.push(row(name, before, await read(), SECONDS));
      console.log(rows.at(-1));
    };

    await measure('no panel of theirs');
    const title = 'Machine Resources';
    const resources = { id: 'machine-resource-widget', title };
    await lab.execute('gpu-dashboard-widget:open', resources);
    await expect(page.locator('.lm-TabBar').getByText(title)).toBeVisible();
    await measure('jupyterlab-nvdashboard, one pane');
    await lab.execute('notebook:create-new', { kernelName: 'python3' });
    await measure('jupyterlab-nvdashboard, hidden');

    await lab.open(`${server.url}/lab?reset&token=${server.token}`);
    await lab.execute('dask:launch-cluster', {}, 60_000);
    await expect(async () => {
      await lab.execute('dask:launch-layout', {}, 5000);
      await expect(page.locator('iframe').first()).toBeVisible({ timeout: 2000 });
    }).toPass({ timeout: 60_000 });
    await measure('dask-labextension, its layout, idle cluster');
    await lab.openNotebook([TASKS]);
    await lab.run(0);
    await measure('dask-labextension, its layout, tasks');
    console.log(['', ...HEAD, ...rows].join('\n'));
  } finally {
    await server.end();
  }
});
