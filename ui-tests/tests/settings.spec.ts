/**
 * What the user can set, and the ways to the commands: menu, palette, keyboard.
 */
import type { Locator } from '@playwright/test';

import { aCluster, aRun } from '../../labextension/src/testing/views';
import { test } from '../fake/feed';
import { working } from '../fake/scenes';
import { expect } from './lab';

test.use({ home: 'settings' });

const NOW = 1_790_000_000;

test('sections are hidden and come back, the panel changes its side', async ({
  fake,
  lab,
  page
}) => {
  await lab.openPanel();
  fake.show({ ...working(NOW), sent_at: NOW });
  await expect(lab.section('runs')).toBeVisible();
  await lab.execute('settingeditor:open', { query: 'jupyter-scale panel' });
  const editor = page.locator('#setting-editor');
  const nodes = editor.getByLabel('Show the nodes');
  await nodes.uncheck();
  await expect(lab.section('nodes')).toHaveCount(0);
  await expect(lab.section('runs')).toBeVisible();
  await lab.screenshot('settings');
  await nodes.check();
  await expect(lab.section('nodes')).toBeVisible();
  const titles = lab.panel.locator('.jp-AccordionPanel-title, .lm-AccordionPanel-title');
  await expect(titles).toHaveText([/Clusters/, /Nodes/, /Runs/, /Data/, /Log/]);

  await editor.getByLabel('Show in the status bar').uncheck();
  await expect(lab.statusItem).toBeHidden();
  await editor.locator('select').first().selectOption('right');
  await expect(page.locator('#jp-right-stack #jupyter-scale-panel')).toHaveCount(1);
});

test('how long a cell has to take for a notice is the user’s to say', async ({
  fake,
  lab,
  page
}) => {
  const toasts = page.locator('.Toastify__toast');
  const run = (id: string): ReturnType<typeof aRun> =>
    aRun(id, { notebook: 'elsewhere.ipynb', first_line: id, started_at: NOW - 6 });
  const end = async (id: string): Promise<void> => {
    fake.show({ clusters: [aCluster('c')], runs: [run(id)], sent_at: NOW });
    await expect(lab.statusItem).toContainText('busy');
    fake.tell({ runs: [{ ...run(id), status: 'done', ended_at: NOW }] });
  };
  await lab.execute('settingeditor:open', { query: 'jupyter-scale panel' });
  const editor = page.locator('#setting-editor');
  const seconds = editor.locator('input[id$="noticeCellsAfter"]');
  await seconds.fill('0');
  await seconds.blur();
  await expect.poll(() => lab.setting('noticeCellsAfter')).toBe(0);
  await end('silent');
  await seconds.fill('5');
  await seconds.blur();
  await expect.poll(() => lab.setting('noticeCellsAfter')).toBe(5);
  await end('loud');
  await expect(toasts).toHaveText([/Done after 6.* loud/]);
});

test('a panel that is drawn seldom is drawn at once when that is changed', async ({
  fake,
  lab,
  page
}) => {
  await lab.openPanel();
  await lab.execute('settingeditor:open', { query: 'jupyter-scale panel' });
  const seconds = page.locator('#setting-editor input[id$="updateEvery"]');
  const setTo = async (value: number): Promise<void> => {
    await seconds.fill(String(value));
    await seconds.blur();
    await expect.poll(() => lab.setting('updateEvery')).toBe(value);
  };
  await setTo(60);
  const cards = lab.section('clusters').locator('.jp-scale-Cluster');
  fake.show({ clusters: [aCluster('a'), aCluster('b')], sent_at: NOW });
  await expect(lab.statusItem).toContainText('2 nodes');
  await expect(cards).toHaveCount(0);
  await setTo(0.2);
  await expect(cards).toHaveCount(2);
});

test('what is written after %%scale, and whether there are buttons for it, is a setting', async ({
  lab,
  page
}) => {
  const TOGGLE = 'jupyter-scale:toggle-cell';
  await lab.openNotebook(['x = 1']);
  await lab.execute('settingeditor:open', { query: 'jupyter-scale' });
  const editor = page.locator('#setting-editor');
  const options = editor.locator('input[id$="defaultOptions"]');
  await options.fill('--gpu 1');
  await options.blur();
  const saved = (name: string): Promise<unknown> =>
    lab.setting(name, 'jupyter-scale:plugin');
  await expect.poll(() => saved('defaultOptions')).toBe('--gpu 1');
  await editor.getByLabel('Show the toolbar buttons').uncheck();
  await expect.poll(() => saved('showToolbarButton')).toBe(false);
  await lab.execute('application:activate-previous-tab');
  await expect(lab.cell(0)).toBeVisible();
  await expect(lab.toolbarButton(TOGGLE)).toBeHidden();
  await lab.cell(0).click({ button: 'right' });
  await page.locator('.lm-Menu').getByText('Run This Cell with %%scale').click();
  expect(await lab.source(0)).toBe('%%scale --gpu 1\nx = 1');
});

test('whether kernels get the magic by themselves is a setting', async ({ lab }) => {
  await lab.openNotebook(['%%scale --explain\nx = 1']);
  await lab.execute('settingeditor:open', { query: 'jupyter-scale' });
  const loads = lab.page
    .locator('#setting-editor')
    .getByLabel('Load the magic when it is needed');
  const setTo = async (value: boolean): Promise<void> => {
    await loads.setChecked(value);
    await expect.poll(() => lab.setting('loadMagic', 'jupyter-scale:plugin')).toBe(value);
  };
  const runCell = async (): Promise<Locator> => {
    await lab.execute('application:activate-previous-tab');
    await expect(lab.cell(0)).toBeVisible();
    return lab.run(0);
  };
  await setTo(false);
  await expect((await runCell()).last()).toContainText('Cell magic `%%scale` not found');
  await lab.execute('application:activate-previous-tab');
  await setTo(true);
  await expect((await runCell()).last()).toContainText('on a cluster');
});

test('the menu and the keyboard lead to the commands', async ({ fake, lab, page }) => {
  await lab.execute('filebrowser:activate');
  await expect(lab.panel).toBeHidden();
  await page.keyboard.press('ControlOrMeta+Shift+Y');
  await expect(lab.panel).toBeVisible();
  fake.show({ ...working(NOW), sent_at: NOW });
  await page.getByRole('menuitem', { name: 'Cluster', exact: true }).click();
  const menu = page.locator('.lm-Menu');
  await expect(menu.getByRole('menuitem')).toContainText([
    'Show Clusters',
    'Start a Cluster',
    'New Cluster…',
    'Use a Cluster in This Notebook',
    'Change the Number of Workers…',
    'Change When a Cluster Stops…',
    'Show the Tasks of a Cluster',
    'Stop a Cluster…'
  ]);
  await lab.screenshot('menu');
  await menu.getByText('Change When a Cluster Stops…').click();
  const dialog = page.locator('.jp-Dialog');
  await expect(dialog).toContainText('When "local" ends by itself');
  await expect(dialog.getByRole('textbox').first()).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(dialog).toHaveCount(0);
});
