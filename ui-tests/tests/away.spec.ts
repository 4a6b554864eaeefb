/**
 * Who closes the browser in mid-cell: the output completes itself under its cell in the next one. Who
 * loses the kernel sees it complete itself, too.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Locator } from '@playwright/test';

import { expect, type Lab, test } from './lab';
import { SLOW_CELL, TYPES, WHOLE } from './slowcell';

test.use({ home: 'away' });

const LOAD = 0;
const SLOW = 1;
const ANSWER = 2;
const PID = 3;
const DETACHED = 2;
const DETACHED_CELL = '%%scale --detach\nprint("apart")\nseven = 7\nseven';
const PUT = 'Put its output under its cell';
const PID_CELL = 'import os\nos.getpid()';

test('close the browser in mid-cell, open it again: the cell is whole', async ({
  browser,
  lab,
  server
}) => {
  test.setTimeout(240_000);
  await lab.startCluster();
  await lab.openNotebook(['%load_ext jupyter_scale', SLOW_CELL, 'answer + 1', PID_CELL]);
  await lab.run(LOAD);
  const { path } = await lab.notebook();
  await lab.save();
  await lab.select(SLOW);
  void lab.execute('notebook:run-cell').catch(() => undefined); // the page goes before it ends
  await expect(outputsOf(lab).getByText('begun')).toBeVisible({ timeout: 60_000 });
  await runLasts(lab);
  await lab.page.close({ runBeforeUnload: false });

  const page = await browser.newPage();
  const again = lab.on(page);
  await again.open(`${server.url}/lab/tree/${path}?reset&token=${server.token}`);
  await expect(outputsOf(again).getByText('begun')).toBeVisible({ timeout: 60_000 });
  await expect(again.cell(SLOW).locator('.jp-InputPrompt')).toHaveText('[*]:');
  await again.screenshot('away-going-on');
  writeFileSync(join(server.folder, 'go'), '');
  const output = outputsOf(again);
  await expect(output.getByText('ended')).toBeVisible({ timeout: 60_000 });
  await expect(output).toHaveText(WHOLE);
  await expect(again.cell(SLOW).locator('.jp-InputPrompt')).toHaveText(/\[\d+\]:/);
  await again.screenshot('away-completed');
  await expect
    .poll(() => savedTypes(join(server.folder, path), SLOW), { timeout: 30_000 })
    .toEqual(TYPES);
  await expect(await again.run(ANSWER)).toHaveText('43'); // its kernel has been there all the time

  // Once: whoever opens the notebook again finds the file as it is.
  await again.open(`${server.url}/lab/tree/${path}?reset&token=${server.token}`);
  await expect(output).toHaveText(WHOLE, { timeout: 60_000 });
  await again.openPanel();
  await expect(again.section('runs').getByText('while you were away')).toHaveCount(0);

  rmSync(join(server.folder, 'go'));
  const pid = Number(await (await again.run(PID)).textContent());
  await again.select(SLOW);
  void again.execute('notebook:run-cell').catch(() => undefined); // its kernel ends before it does
  await expect.poll(() => keptStatuses(again), { timeout: 60_000 }).toContain('running');
  const died = page.locator('.jp-Dialog'); // JupyterLab says that the kernel has ended
  await page.addLocatorHandler(died, async dialog => {
    await dialog.locator('.jp-Dialog-footer button').last().click();
  });
  process.kill(pid, 'SIGKILL');
  writeFileSync(join(server.folder, 'go'), '');
  await expect(output).toHaveText(WHOLE, { timeout: 60_000 });
  await again.screenshot('away-without-kernel');

  // Its names wait on the cluster; the next kernel gets them.
  const missed = again.section('runs');
  await expect(missed.getByText('1 cell finished while you were away')).toBeVisible({
    timeout: 60_000
  });
  await again.screenshot('away-names-wait');
  await missed.getByRole('button', { name: /^Fetch what it left/ }).click();
  await expect(missed.getByText('while you were away')).toHaveCount(0, {
    timeout: 60_000
  });
  await expect(await again.run(ANSWER)).toHaveText('43');
  await page.close();
});

test('what does not come by itself is put under its cell by a button', async ({
  browser,
  lab,
  server
}) => {
  test.setTimeout(180_000);
  rmSync(join(server.folder, 'go'), { force: true });
  await lab.startCluster();
  const sources = ['%load_ext jupyter_scale', SLOW_CELL, DETACHED_CELL];
  await lab.openNotebook(sources);
  await lab.run(LOAD);
  const { path } = await lab.notebook();
  const file = join(server.folder, path);
  await lab.save();
  await lab.select(SLOW);
  void lab.execute('notebook:run-cell').catch(() => undefined); // the page goes before it ends
  await expect.poll(() => keptStatuses(lab), { timeout: 60_000 }).toContain('running');
  await lab.page.close({ runBeforeUnload: false });
  const edited = readFileSync(file, 'utf8').replace(
    'import pathlib, time',
    'import time'
  );
  writeFileSync(file, edited); // by now it is another cell, which may have other output
  writeFileSync(join(server.folder, 'go'), '');

  const again = lab.on(await browser.newPage());
  await again.open(`${server.url}/lab?reset&token=${server.token}`);
  await again.openPanel();
  const missed = again.section('runs').getByRole('region', { name: path });
  await expect(missed.getByText('1 cell finished while you were away')).toBeVisible({
    timeout: 60_000
  });
  await missed.getByRole('button', { name: PUT }).click(); // opens the notebook, too
  await expect(outputsOf(again)).toHaveText(WHOLE, { timeout: 60_000 });
  expect(await again.source(SLOW)).toContain('import time');
  await expect.poll(() => savedTypes(file, SLOW), { timeout: 30_000 }).toEqual(TYPES);
  await expect(missed).toHaveCount(0);

  // Nor does that of a detached run, whose cell shows the run itself.
  await again.run(DETACHED);
  await expect(
    again.page.getByText(/^Done after .*: \[\d+\] print\("apart"\)$/)
  ).toBeVisible({ timeout: 60_000 });
  await missed.getByRole('button', { name: PUT }).click({ timeout: 60_000 });
  const apart = again.cell(DETACHED).locator('.jp-OutputArea-output');
  await expect(apart).toHaveText(['apart\n', '7'], { timeout: 60_000 });
  await again.screenshot('away-put');
  await again.save();
  expect(savedTypes(file, DETACHED)).toEqual(['stream', 'execute_result']);
  await again.page.close();
});

function outputsOf(lab: Lab): Locator {
  return lab.cell(SLOW).locator('.jp-OutputArea-output');
}

/** Wait until the run is on the disk: it has lasted for a while. */
async function runLasts(lab: Lab): Promise<void> {
  await expect.poll(() => keptStatuses(lab), { timeout: 60_000 }).toEqual(['running']);
}

/** What became of the runs that the cluster keeps. */
async function keptStatuses(lab: Lab): Promise<string[]> {
  return lab.page.evaluate(async () => {
    const answer = await fetch('/jupyter-scale/api/runs/kept');
    const { runs } = (await answer.json()) as { runs: { status: string }[] };
    return runs.map(({ status }) => status);
  });
}

/** The types of a cell's outputs, as the file has them; none while it is being written. */
function savedTypes(file: string, index: number): string[] {
  try {
    const { cells } = JSON.parse(readFileSync(file, 'utf8')) as {
      cells: { outputs?: { output_type: string }[] }[];
    };
    return cells[index]?.outputs?.map(({ output_type: type }) => type) ?? [];
  } catch {
    return [];
  }
}
