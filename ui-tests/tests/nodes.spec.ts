/**
 * Nodes: cards and table, what is told of them and when, and the page of each.
 */
import { expect, type Locator } from '@playwright/test';

import { aCluster, aNode } from '../../labextension/src/testing/views';
import { type FakeFeed, test } from '../fake/feed';
import { crowd, gpuBox } from '../fake/scenes';
import { tasksOf } from '../fake/streams';
import type { Lab } from './lab';

const NOW = 1_790_000_000;
const DGX = 'dgx.physics.example.org';

/** The nodes that the page said were on its screen, newest last. */
function shownNodes(fake: FakeFeed): string[] {
  const { nodes = [] } = (fake.heard.at(-1) ?? {}) as { nodes?: [string, string][] };
  return nodes.map(([, node]) => node);
}

function cardOf(lab: Lab, name: string): Locator {
  return lab.section('nodes').getByRole('listitem', { name, exact: true });
}

test('each GPU is shown with its load, memory, heat, power and processes', async ({
  fake,
  lab
}) => {
  await lab.openPanel();
  fake.show({ ...gpuBox(NOW), sent_at: NOW });
  const gpus = cardOf(lab, DGX).getByRole('group', { name: /^GPU \d: NVIDIA A10G$/ });
  await expect(gpus).toHaveCount(8);
  await expect(gpus.first()).toContainText('71 °C · 214 W · 2 processes');
  await expect(gpus.first().getByRole('meter', { name: 'Busy' })).toHaveAttribute(
    'aria-valuenow',
    '97'
  );
  const fold = cardOf(lab, DGX).getByRole('button', { name: /^8 GPUs/ });
  await fold.press('Enter');
  await expect(fold).toHaveAttribute('aria-expanded', 'false');
  await expect(gpus).toHaveCount(0);
});

test('a wide panel has a table, sorted by the heads of its columns', async ({
  fake,
  lab
}) => {
  await lab.openPanel();
  await lab.setPanelWidth(600);
  const loads = { fast: 180, slow: 20, middling: 100 };
  fake.show({
    sent_at: NOW,
    clusters: [
      aCluster('c', {
        nodes: Object.entries(loads).map(([name, cpu_percent]) =>
          aNode(name, { cpu_percent })
        )
      })
    ]
  });
  const nodes = lab.section('nodes');
  const names = nodes.locator('tr.jp-scale-Node .jp-scale-NodeLink');
  await expect(names).toHaveText(['fast', 'slow', 'middling']);
  const head = nodes.getByRole('columnheader', { name: 'CPU' });
  await expect(head).not.toHaveAttribute('aria-sort');
  await head.getByRole('button').press('Enter');
  await expect(head).toHaveAttribute('aria-sort', 'descending');
  await expect(names).toHaveText(['fast', 'middling', 'slow']);
  await head.getByRole('button').press('Enter');
  await expect(head).toHaveAttribute('aria-sort', 'ascending');
  await expect(names).toHaveText(['slow', 'middling', 'fast']);
  await head.getByRole('button').press('Enter');
  await expect(names).toHaveText(['fast', 'slow', 'middling']);
  await lab.setPanelWidth(280);
  await expect(nodes.getByRole('table')).toHaveCount(0);
  await expect(nodes.getByRole('listitem')).toHaveCount(3);
});

test('cards are sorted, too', async ({ fake, lab }) => {
  await lab.openPanel();
  fake.show({
    sent_at: NOW,
    clusters: [
      aCluster('c', {
        nodes: [1, 2, 3, 4].map(n => aNode(`n${n}`, { memory_used_bytes: n * 1e9 }))
      })
    ]
  });
  const nodes = lab.section('nodes');
  await nodes.getByLabel('Sort by').selectOption('memory');
  await expect(nodes.locator('.jp-scale-NodeLink')).toHaveText(['n4', 'n3', 'n2', 'n1']);
  await nodes.getByLabel('Sort by').selectOption('');
  await expect(nodes.locator('.jp-scale-NodeLink')).toHaveText(['n1', 'n2', 'n3', 'n4']);
});

test('the server is told which nodes are on the screen', async ({ fake, lab }) => {
  await lab.openPanel();
  fake.show({ ...crowd(1000), sent_at: NOW });
  await expect.poll(() => shownNodes(fake)[0]).toBe('node-0');
  expect(shownNodes(fake).length).toBeLessThan(40);
  await lab.section('nodes').evaluate(section => {
    section.scrollTop = section.scrollHeight;
  });
  await expect.poll(() => shownNodes(fake).at(-1)).toBe('node-999');
  expect(shownNodes(fake)).not.toContain('node-0');
  await expect(cardOf(lab, 'node-999')).toHaveAttribute('aria-posinset', '1000');
  await lab.execute('filebrowser:activate');
  await expect.poll(() => shownNodes(fake)).toEqual([]);
});

test('the page of a node has its history, the way there, its cells, its log', async ({
  context,
  fake,
  lab
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await lab.openPanel();
  const { clusters = [], runs = [] } = gpuBox(NOW);
  const log = ['10:00 - distributed - INFO - begun', '10:01 - distributed - ERROR - oh'];
  fake.setLog(...log);
  fake.show({ clusters, runs, sent_at: NOW - 40 });
  for (let second = -39; second <= 0; second++) {
    fake.load(clusters[0] ?? aCluster('none'), NOW + second);
  }
  await cardOf(lab, DGX).getByRole('button', { name: DGX }).press('Enter');
  const page = lab.nodePage;
  await expect(page.getByRole('heading', { level: 2 })).toContainText(DGX);
  for (const name of [/^CPU/, /^Memory/, /^Network/, /^Disk/, /^GPUs/]) {
    await expect(page.getByRole('figure', { name })).toBeVisible();
  }
  await expect(page.getByRole('figure', { name: /^Network/ })).toContainText(
    '118 MB/s in, 2.4 MB/s out'
  );
  await expect(page.getByRole('group', { name: /^GPU 7/ })).toBeVisible();
  await expect(page.getByRole('list', { name: 'Cells at work' })).toContainText('losses');

  await page.getByRole('button', { name: 'Copy the command' }).click();
  await expect(page.getByRole('status')).toHaveText('Copied');
  expect(await lab.page.evaluate(() => navigator.clipboard.readText())).toBe(
    `ssh ${DGX}`
  );

  const shown = page.getByRole('log');
  await expect(shown).toContainText('begun');
  fake.setLog(...log, '10:02 - distributed - INFO - more');
  await expect(shown).toContainText('more');
  await page.getByLabel('Only warnings and errors').check();
  await expect(shown).toHaveText('10:01 - distributed - ERROR - oh');
  await page.getByLabel('Log of').selectOption('worker/3');
  await expect
    .poll(() => fake.asked.some(asked => asked === `GET clusters/box/nodes/${DGX}/log`))
    .toBe(true);

  const workers = [`${DGX}/0`, 'other/0'];
  fake.tasks({ ...tasksOf(NOW, 2, 250), cluster: 'box', workers });
  await expect(page.getByRole('group', { name: /^1 worker, / })).toBeVisible();

  await lab.execute('filebrowser:activate'); // the page alone has the server tell of its node
  await expect.poll(() => shownNodes(fake)).toEqual([DGX]);
  fake.show({ clusters: [], sent_at: NOW });
  await expect(page).toContainText(`There is no node ${DGX} any more.`);
});

test('a node without a GPU says so', async ({ fake, lab }) => {
  await lab.openPanel();
  fake.show({ clusters: [aCluster('c')], sent_at: NOW });
  await cardOf(lab, 'node-1').getByRole('button', { name: 'node-1' }).click();
  await expect(lab.nodePage).toContainText('This node has no GPU');
  await expect(lab.nodePage).toContainText('On this computer.');
});

for (const theme of ['Light', 'Dark'] as const) {
  test(`pictures of nodes, ${theme}`, async ({ fake, lab }) => {
    await lab.setTheme(theme);
    await lab.openPanel();
    const { clusters = [], runs = [] } = gpuBox(NOW);
    fake.setLog(
      ...Array.from(
        { length: 40 },
        (_, index) => `10:00:${10 + index} - distributed.worker - INFO - line ${index}`
      )
    );
    fake.show({ clusters, runs, sent_at: NOW - 100 });
    for (let second = -99; second <= 0; second++) {
      const part = 0.6 + 0.4 * Math.sin(second / 9);
      for (const cluster of clusters) {
        const nodes = cluster.nodes.map(node => ({
          ...node,
          cpu_percent: 700 * part,
          memory_used_bytes: 30e9 * part,
          network_in_bytes_per_s: 118e6 * part,
          gpus: node.gpus.map((gpu, index) => ({
            ...gpu,
            utilisation_percent: 100 * part ** (1 + (index % 3))
          }))
        }));
        fake.load({ ...cluster, nodes }, NOW + second);
      }
    }
    await lab.execute('jupyter-scale:open-node', { cluster: 'box', node: DGX });
    await expect(lab.nodePage.getByRole('log')).toContainText('line 39');
    await expect(cardOf(lab, DGX).getByRole('meter').first()).toBeVisible();
    await lab.screenshot(`page-gpus-${theme.toLowerCase()}`);
    fake.show({ ...crowd(1000), sent_at: NOW });
    for (const width of [280, 600]) {
      await lab.setPanelWidth(width);
      await lab.screenshot(`panel-crowd-${theme.toLowerCase()}-${width}`);
    }
  });
}
