/**
 * One notebook in two windows: both show what a cell has shown, one of them saves it, and nobody is
 * asked whether to overwrite what the other has saved.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Browser, Page } from '@playwright/test';

import { expect, Lab, test } from './lab';
import type { LabServer } from './labserver';
import { SLOW_CELL, TYPES, WHOLE } from './slowcell';

test.use({ home: 'windows' });

const LOAD = 0;
const SLOW = 1;
const OTHER = 2;

test('one notebook in two windows', async ({ browser, lab, server }) => {
  test.setTimeout(240_000);
  const go = join(server.folder, 'go');
  await lab.startCluster();
  await lab.openNotebook(['%load_ext jupyter_scale', SLOW_CELL, '1 + 1']);
  await lab.run(LOAD);
  const path = await lab.save();
  const file = join(server.folder, path);

  // The one has the cell run, the other is opened meanwhile.
  await lab.select(SLOW);
  const running = lab.execute('notebook:run-cell', {}, 90_000);
  await expect(outputsOf(lab).getByText('begun')).toBeVisible({ timeout: 60_000 });
  await expect.poll(() => lastStatus(server)).toBe('running');
  const second = await openIn(browser, server, path);
  await expect(outputsOf(second).first()).toHaveText('begun\n', { timeout: 60_000 });
  const saves = [savesOf(lab.page), savesOf(second.page)];
  writeFileSync(go, '');
  await running;
  await expect(outputsOf(second)).toHaveText(WHOLE, { timeout: 60_000 });
  await lab.save(); // without a question
  await inSync(lab, second);
  const shown = await outputsOf(lab).allTextContents(); // also what the cell says of itself
  expect(shown.filter(text => !text.includes('·'))).toEqual(WHOLE);
  const isText = (type: string): boolean => type !== 'display_data';
  expect(savedTypes(file).filter(isText)).toEqual(TYPES.filter(isText));
  await expect(outputsOf(second)).toHaveText(shown);
  await second.run(OTHER);
  await second.save(); // without a question
  expect(saves.map(({ length }) => length)).toEqual([1, 1]);
  await lab.page.close({ runBeforeUnload: false });

  // Both come back to what nobody has seen.
  rmSync(go);
  await second.select(SLOW);
  void second.execute('notebook:run-cell').catch(() => undefined); // the page goes before it ends
  await expect.poll(() => lastStatus(server)).toBe('running');
  await second.page.close({ runBeforeUnload: false });
  const windows = await Promise.all([
    openIn(browser, server, path),
    openIn(browser, server, path)
  ]);
  const savesNow = windows.map(({ page }) => savesOf(page));
  for (const window of windows) {
    await expect(outputsOf(window)).toHaveText(['begun\n'], { timeout: 60_000 });
  }
  writeFileSync(go, '');
  for (const window of windows) {
    await expect(outputsOf(window)).toHaveText(WHOLE, { timeout: 60_000 });
  }
  await expect.poll(() => savedTypes(file), { timeout: 60_000 }).toEqual(TYPES);
  await inSync(...windows);
  expect(savesNow.flat()).toHaveLength(1);
  for (const window of windows) {
    await expect(outputsOf(window)).toHaveText(WHOLE);
    await expect(window.page.locator('.jp-Dialog')).toHaveCount(0);
    await window.page.close({ runBeforeUnload: false });
  }
});

async function openIn(browser: Browser, server: LabServer, path: string): Promise<Lab> {
  const lab = new Lab(await browser.newPage());
  await lab.open(`${server.url}/lab/tree/${path}?reset&token=${server.token}`);
  return lab;
}

function outputsOf(lab: Lab): ReturnType<Page['locator']> {
  return lab.cell(SLOW).locator('.jp-OutputArea-output');
}

/** How often a page saves a file, from now on. */
function savesOf(page: Page): readonly string[] {
  const saves: string[] = [];
  page.on('request', request => {
    if (request.method() === 'PUT' && request.url().includes('/api/contents/')) {
      saves.push(request.url());
    }
  });
  return saves;
}

/** Wait until both windows have the file as it is. */
async function inSync(first: Lab, second: Lab): Promise<void> {
  await expect
    .poll(async () => (await first.fileHash()) === (await second.fileHash()), {
      timeout: 60_000
    })
    .toBe(true);
}

/** What has become of the run that began last. */
function lastStatus(server: LabServer): string | undefined {
  const runs = JSON.parse(server.command('runs', '--json')) as { status: string }[];
  return runs.at(-1)?.status;
}

/** The types of the slow cell's outputs, as the file has them; none while it is being written. */
function savedTypes(file: string): readonly string[] {
  try {
    const { cells } = JSON.parse(readFileSync(file, 'utf8')) as {
      cells: { outputs?: { output_type: string }[] }[];
    };
    return cells[SLOW]?.outputs?.map(({ output_type: type }) => type) ?? [];
  } catch {
    return [];
  }
}
