/**
 * JupyterLab behind a reverse proxy that cuts what is quiet for a moment, below a path of its own.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Locator, Page } from '@playwright/test';

import { expect, Lab, test } from './lab';
import { hasNginx, Nginx } from './nginx';

const BASE = '/users/ann/';
const QUIET_S = 3;

test.use({ home: 'proxy', base: BASE });
test.skip(!hasNginx(), 'NO NGINX FOUND: apt install nginx-light');

const LOAD = 0;
const SILENT = 1;
const SLOW = 2;
const SILENT_CELL = [
  '%%scale',
  'import time',
  'print("begun")',
  `time.sleep(${2.5 * QUIET_S})`,
  'print("ended")',
  '42'
].join('\n');
const SLOW_CELL = [
  '%%scale',
  'import pathlib, time',
  'print("first")',
  'while not pathlib.Path("go").exists():',
  '    time.sleep(0.05)',
  'print("last")'
].join('\n');

test('a proxy that cuts what is quiet is not noticed', async ({ browser, server }) => {
  test.setTimeout(240_000);
  const proxy = new Nginx();
  const page = await browser.newPage();
  try {
    await proxy.start(server.url, QUIET_S);
    const lab = new Lab(page);
    const feeds = socketsOf(page, '/feed');
    const channels = socketsOf(page, '/channels');
    await lab.open(`${proxy.url}/lab?reset&token=${server.token}`);
    await noteBanners(page);
    await lab.startCluster();
    await lab.openNotebook([
      '%load_ext jupyter_scale\n%scale quiet',
      SILENT_CELL,
      SLOW_CELL
    ]);
    await lab.run(LOAD);

    // A kernel's connection is JupyterLab's own: it is cut, and comes back.
    await lab.execute('application:toggle-left-area'); // a panel that nobody sees is told little
    const [before, cut] = [feeds.length, channels.length];
    await expect(await lab.run(SILENT)).toHaveText(['begun\nended\n', '42']);
    expect(channels.length).toBeGreaterThan(cut);
    expect(feeds.length - before).toBeLessThanOrEqual(1); // ours knows by now what the proxy wants
    const path = await lab.save();
    expect(savedTexts(join(server.folder, path), SILENT)).toBe('begun\nended\n42');
    expect(JSON.parse(server.command('runs', '--json'))).toHaveLength(1);

    // What comes in one long answer is not cut where it pauses.
    await lab.select(SLOW);
    void lab.execute('notebook:run-cell').catch(() => undefined); // the page goes before it ends
    await expect(outputOf(lab, SLOW)).toHaveText('first\n', { timeout: 60_000 });
    await expect.poll(() => lastStatus(server.command('runs', '--json'))).toBe('running');
    expect(await banners(page)).toEqual([]);
    await page.close({ runBeforeUnload: false });
    const next = await browser.newPage();
    const answers = answersTo(next, '/output');
    const again = new Lab(next);
    await again.open(`${proxy.url}/lab/tree/${path}?reset&token=${server.token}`);
    await expect(outputOf(again, SLOW)).toHaveText('first\n', { timeout: 60_000 });
    await next.waitForTimeout(2000 * QUIET_S); // for so long it is quiet
    writeFileSync(join(server.folder, 'go'), '');
    await expect(outputOf(again, SLOW)).toHaveText('first\nlast\n', { timeout: 60_000 });
    await expect
      .poll(() => savedTexts(join(server.folder, path), SLOW), { timeout: 30_000 })
      .toBe('first\nlast\n');
    expect(answers.length).toBeGreaterThan(0);
    expect(new Set(answers).size).toBe(answers.length); // none was asked for again
    await next.close();
  } finally {
    await proxy.end();
  }
});

function outputOf(lab: Lab, index: number): Locator {
  return lab.cell(index).locator('.jp-OutputArea-output');
}

/** The WebSockets that a page opens, from now on. */
function socketsOf(page: Page, path: string): readonly string[] {
  const opened: string[] = [];
  page.on('websocket', socket => {
    if (new URL(socket.url()).pathname.endsWith(path)) {
      opened.push(socket.url());
    }
  });
  return opened;
}

/** What a page asks for, from now on. */
function answersTo(page: Page, path: string): readonly string[] {
  const asked: string[] = [];
  page.on('request', request => {
    if (new URL(request.url()).pathname.endsWith(path)) {
      asked.push(new URL(request.url()).pathname);
    }
  });
  return asked;
}

interface INoting {
  banners: string[];
}

/** Take note of whatever the panel says of its connection, however short. */
async function noteBanners(page: Page): Promise<void> {
  await page.evaluate(() => {
    const noted: string[] = [];
    (window as unknown as INoting).banners = noted;
    new MutationObserver(() => {
      const banner = document.querySelector('.jp-scale-Banner');
      const item = document.querySelector('#jp-main-statusbar')?.textContent ?? '';
      if (banner || item.includes('offline')) {
        noted.push(banner?.textContent ?? item);
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
}

async function banners(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => (window as unknown as INoting).banners);
}

function lastStatus(runs: string): string | undefined {
  return (JSON.parse(runs) as { status: string }[]).at(-1)?.status;
}

/** All text of a cell's outputs, as the file has it; none while it is being written. */
function savedTexts(file: string, index: number): string {
  try {
    const { cells } = JSON.parse(readFileSync(file, 'utf8')) as {
      cells: { outputs?: ISavedOutput[] }[];
    };
    return (cells[index]?.outputs ?? []).flatMap(textsOf).join('');
  } catch {
    return '';
  }
}

interface ISavedOutput {
  readonly text?: string | string[];
  readonly data?: Record<string, string | string[]>;
}

function textsOf({ text, data }: ISavedOutput): readonly string[] {
  return [text ?? data?.['text/plain'] ?? []].flat();
}
