/**
 * The panel's behaviour with a fake feed: what is hard to bring about with a real cluster.
 */
import {
  aCluster,
  aKept,
  aLoop,
  aNode,
  aRun
} from '../../labextension/src/testing/views';
import { test } from '../fake/feed';
import { fleet, machines } from '../fake/scenes';
import { findViolations } from './axe';
import { expect } from './lab';

/** What time it is on the server, in a scene. */
const NOW = 1_790_000_000;

const START = 'Start a cluster on this computer';

test('a newcomer starts a cluster with one click', async ({ fake, lab }) => {
  await lab.openPanel();
  await lab.panel.getByRole('button', { name: START }).click();
  await expect.poll(() => fake.asked).toEqual(['POST clusters {}']);
  fake.tell({
    clusters: [
      aCluster('c', {
        status: 'starting',
        steps: [{ step: 'node', message: 'a step', at: 1 }]
      })
    ]
  });
  await expect(lab.panel.getByText('a step')).toBeVisible();
  await expect(lab.statusItem).toHaveText('%%scale: starting');
  await expect(lab.panel.getByRole('button', { name: START })).toHaveCount(0);
});

test('what the server refuses is shown in its words', async ({ fake, lab }) => {
  await lab.openPanel();
  fake.refusal = 'scale.toml, line 3: expected a number of workers';
  await lab.panel.getByRole('button', { name: START }).click();
  await expect(lab.page.getByText('scale.toml, line 3')).toBeVisible();
  await expect(lab.panel.getByRole('button', { name: START })).toBeEnabled();
});

test('what finished while nobody looked is told, with the ways to get it', async ({
  fake,
  lab
}) => {
  await lab.openPanel();
  const runs = lab.section('runs');
  fake.kept = [
    aKept('1', {
      status: 'failed',
      notebook: 'deep/in/training.ipynb',
      first_line: 'model.fit(X, y, epochs=1000, callbacks=[checkpoint, early_stopping])'
    }),
    aKept('2', {
      notebook: 'deep/in/training.ipynb',
      first_line: 'scores = cross_val_score(model, X, y)',
      names: ['scores', 'model', 'history'],
      result_bytes: 3_200_000
    })
  ];
  fake.show({ clusters: [aCluster('a')], runs: [aRun('2')] });
  await expect(runs.getByText('x = 1')).toBeVisible();
  fake.tell({ runs: [aRun('2', { status: 'done', ended_at: 1010 })] });
  const missed = runs.getByRole('region', {
    name: /2 cells finished while you were away/
  });
  await expect(missed.getByText('left scores, model, history (3.2 MB)')).toBeVisible();
  await expect(missed.getByRole('button', { name: /^Put its output/ })).toHaveCount(2);
  await expect(missed.getByRole('button', { name: /^Fetch what it left/ })).toHaveCount(
    1
  );
  for (const theme of ['Dark', 'Light'] as const) {
    await lab.setTheme(theme);
    for (const width of [280, 600]) {
      await lab.setPanelWidth(width);
      await lab.screenshot(`missed-${theme.toLowerCase()}-${width}`);
    }
    expect(await findViolations(lab, '#jupyter-scale-panel')).toEqual([]);
  }
});

test('a profile is chosen where there are several', async ({ fake, lab }) => {
  await lab.openPanel();
  fake.show({ profiles: ['lab', 'local'] });
  await lab.panel.getByRole('button', { name: 'Start a Cluster', exact: true }).click();
  await lab.page.locator('.jp-Dialog select').selectOption('lab');
  await lab.page.locator('.jp-Dialog .jp-mod-accept').click();
  await expect
    .poll(() => fake.asked)
    .toEqual(['GET profiles/lab/quote', 'POST clusters {"profile":"lab"}']);
});

test('a cluster is scaled and stopped, after it was said what is lost', async ({
  fake,
  lab
}) => {
  await lab.openPanel();
  fake.show({ clusters: [aCluster('c')] });
  await lab.panel.getByRole('button', { name: 'Workers: One more' }).dblclick();
  await expect(lab.panel.getByRole('spinbutton', { name: 'Workers' })).toHaveValue('4');
  await expect.poll(() => fake.asked).toEqual(['PATCH clusters/c {"workers":4}']);
  const dialog = lab.page.locator('.jp-Dialog');

  fake.tell({ runs: [aRun('r', { cluster: 'c' })] });
  await expect(lab.section('runs').getByRole('listitem')).toHaveCount(1);
  await lab.panel.getByRole('button', { name: 'Stop the cluster' }).click();
  await expect(dialog).toContainText('1 cell is running on it');
  await dialog.getByRole('button', { name: 'Keep It' }).click();
  await lab.panel.getByRole('button', { name: 'Stop the cluster' }).click();
  await dialog.getByRole('button', { name: 'Stop Cluster' }).click();
  await expect.poll(() => fake.asked.slice(1)).toEqual(['DELETE clusters/c']);
});

test('progress is told to eyes and to screen readers', async ({ fake, lab }) => {
  await lab.openPanel();
  fake.show({
    clusters: [aCluster('c', { nodes: [aNode('n', { cpu_percent: 100 })] })],
    runs: [
      aRun('r', { loops: [aLoop({ line: 3, done: 40, total: 100, ends_at: 1075 })] })
    ]
  });
  const bar = lab.panel.getByRole('progressbar', { name: 'Loop in line 3' });
  await expect(bar).toHaveAttribute('aria-valuenow', '40');
  await expect(bar).toHaveAttribute('aria-valuemax', '100');
  await expect(lab.section('runs')).toContainText(/40 of 100 · 1 min 1\d s left/);
  await expect(lab.panel.getByRole('meter', { name: 'CPU' })).toHaveAttribute(
    'aria-valuetext',
    '50 %'
  );
  await expect(lab.statusItem).toHaveText('%%scale: 1 node, 2 of 2 busy, 40 %');
  await lab.panel.getByRole('button', { name: 'Interrupt this cell' }).click();
  await expect.poll(() => fake.asked).toEqual(['POST runs/r/interrupt']);
});

for (const theme of ['Light', 'Dark'] as const) {
  test(`a machine that failed says why, and all of it on demand, ${theme}`, async ({
    fake,
    lab
  }) => {
    await lab.setTheme(theme);
    await lab.openPanel();
    await lab.setPanelWidth(280);
    fake.show({ ...fleet(NOW), sent_at: NOW });
    const nodes = lab.section('nodes');
    await expect(nodes.getByRole('heading', { level: 4 })).toHaveText([
      'cpu14 of 16 nodes',
      'gpu3 of 4 nodes'
    ]);
    const failed = nodes.getByRole('listitem', { name: 'a100-3' });
    const more = failed.locator('pre');
    await expect(failed.getByText('did not start: exit status 1').first()).toBeVisible();
    await expect(more).toBeHidden();
    await expect(async () => {
      await failed.locator('summary').press('Enter'); // the list may still be laid out anew
      await expect(more).toBeVisible({ timeout: 1000 });
    }).toPass();
    await expect(more).toContainText('No space left on device');
    await more.scrollIntoViewIfNeeded();
    await lab.screenshot(`panel-node-failed-${theme.toLowerCase()}`);
    const again = fleet(NOW).clusters ?? [];
    fake.tell({ clusters: again.map(one => ({ ...one, idle_since: NOW })) });
    await expect(lab.section('clusters')).toContainText('(idle)');
    await expect(more).toBeVisible();
  });
}

for (const theme of ['Light', 'Dark'] as const) {
  test(`what has failed is tried again with one click, ${theme}`, async ({
    fake,
    lab
  }) => {
    await lab.setTheme(theme);
    await lab.openPanel();
    await lab.setPanelWidth(280);
    const name = 'a-cluster-with-a-long-name';
    const nodes = [aNode('h1'), aNode('h2', { status: 'failed', error: 'h2: no route' })];
    fake.show({ sent_at: NOW, clusters: [aCluster('c', { name, nodes })] });
    const again = lab.panel.getByRole('button', {
      name: `Try the failed nodes of "${name}" again`
    });
    await expect(again).toBeVisible();
    await lab.screenshot(`panel-retry-${theme.toLowerCase()}`);
    await again.click();
    await expect.poll(() => fake.asked).toEqual(['POST clusters/c/retry']);
    fake.tell({
      clusters: [aCluster('c', { name, status: 'failed', error: 'h2: no route' })]
    });
    await lab.panel
      .getByRole('button', { name: `Start the cluster "${name}" again` })
      .click();
    await expect.poll(() => fake.asked.length).toBe(2);
    fake.tell({ clusters: [aCluster('c', { name })] });
    await expect(
      lab.section('clusters').getByRole('button', { name: /again/ })
    ).toHaveCount(0);
  });
}

test('the machines of a start are side by side, in the order of the profile', async ({
  fake,
  lab
}) => {
  await lab.openPanel();
  fake.show({ ...machines(NOW), sent_at: NOW });
  const rows = lab.panel.getByRole('list', { name: 'Machines of the start' });
  await expect(rows.getByRole('listitem')).toHaveCount(20);
  await expect(rows.getByRole('listitem').nth(4)).toContainText(
    'node5bringing 268 files 12/268'
  );
  await expect(rows.getByRole('img', { name: 'Failed' })).toHaveCount(1);
  await expect(lab.section('clusters')).toContainText('2 of 20 machines are ready');
  const steps = lab.panel.getByRole('list', { name: 'Steps of the start' });
  await expect(steps.getByRole('listitem')).toContainText([
    'making certificates',
    'starting scheduler',
    'workers 16/64'
  ]);
});

test('a missing message makes the panel connect again', async ({ fake, lab }) => {
  await lab.openPanel();
  fake.show({ clusters: [aCluster('before')] });
  await expect(lab.panel.getByText('before', { exact: true }).first()).toBeVisible();
  fake.skip();
  fake.tell({ clusters: [aCluster('skipped')] });
  fake.remember({ clusters: [aCluster('after')] });
  await expect(lab.panel.getByText('after', { exact: true }).first()).toBeVisible();
});

test('a lost server is said, and found again', async ({ fake, lab }) => {
  await lab.openPanel();
  fake.show({ clusters: [aCluster('c')] });
  await fake.setDown(true);
  await expect(
    lab.panel.getByText('This Jupyter server has no jupyter-scale')
  ).toBeVisible();
  await lab.screenshot('panel-offline');
  await expect(lab.statusItem).toHaveText('%%scale: offline');
  await expect(
    lab.panel.getByRole('button', { name: 'Stop the cluster' })
  ).toBeDisabled();
  // While it is down: afterwards the panel may be quicker than the click.
  await lab.panel.getByRole('button', { name: 'Try now' }).dispatchEvent('click');
  await fake.setDown(false);
  await expect(lab.panel.getByRole('button', { name: 'Try now' })).toHaveCount(0);
  await expect(lab.statusItem).toHaveText('%%scale: 1 node, idle');
});

test('a run leads to its cell', async ({ fake, lab, page }) => {
  await lab.openNotebook(['a = 1', 'b = 2', 'c = 3']);
  const { path, ids } = await lab.notebook();
  await lab.openPanel();
  fake.show({
    runs: [
      aRun('r', {
        notebook: path,
        cell_id: ids[2] ?? '',
        status: 'done',
        ended_at: 1001
      }),
      aRun('gone', {
        notebook: path,
        cell_id: 'gone',
        first_line: 'gone()',
        status: 'done',
        ended_at: 1001
      })
    ]
  });
  await lab.panel.getByRole('button', { name: 'x = 1' }).press('Enter');
  await expect(lab.cell(2)).toHaveClass(/jp-mod-active/);
  await lab.panel.getByRole('button', { name: 'gone()' }).click();
  await expect(page.getByText('This cell is no longer in')).toBeVisible();
});

test('old runs are folded, and unfolded by keyboard', async ({ fake, lab }) => {
  await lab.openPanel();
  fake.show({
    runs: Array.from({ length: 9 }, (_, index) =>
      aRun(`r${index}`, { status: 'done', started_at: index, ended_at: index + 1 })
    )
  });
  const runs = lab.section('runs').getByRole('listitem');
  await expect(runs).toHaveCount(3);
  const more = lab.panel.getByRole('button', { name: 'Show 6 earlier runs' });
  await more.focus();
  await more.press('Enter');
  await expect(runs).toHaveCount(9);
});

test('the status bar, the palette and the launcher lead to the panel', async ({
  lab,
  page
}) => {
  await expect(lab.panel).toBeHidden();
  await lab.statusItem.press('Enter');
  await expect(lab.panel).toBeVisible();
  await lab.execute('filebrowser:activate');
  await expect(lab.panel).toBeHidden();
  await page.locator('.jp-LauncherCard', { hasText: 'Cluster' }).click();
  await expect(lab.panel).toBeVisible();
  await lab.execute('filebrowser:activate');
  await expect(lab.panel).toBeHidden();
  await page.keyboard.press('ControlOrMeta+Shift+C');
  await page.keyboard.type('Show Clusters');
  await expect(page.locator('.lm-CommandPalette-item.lm-mod-active')).toContainText(
    'Show Clusters'
  );
  await page.keyboard.press('Enter');
  await expect(lab.panel).toBeVisible();
});

test('a hidden panel is not drawn, and catches up when it is shown', async ({
  fake,
  lab
}) => {
  await lab.openPanel();
  await lab.execute('filebrowser:activate');
  await expect(lab.panel).toBeHidden();
  fake.show({ clusters: [aCluster('c')] });
  await expect(lab.statusItem).toHaveText('%%scale: 1 node, idle');
  await expect(lab.section('clusters').locator('.jp-scale-Cluster')).toHaveCount(0);
  await lab.openPanel();
  await expect(lab.section('clusters').locator('.jp-scale-Cluster')).toHaveCount(1);
});

test('the server is told while the panel is seen', async ({ fake, lab }) => {
  const nothing = { nodes: [], tasks: [] };
  const said = (visible: boolean): object => ({ type: 'watch', visible, ...nothing });
  await expect(lab.panel).toBeHidden();
  expect(fake.heard).toEqual([]);
  await lab.openPanel();
  await expect.poll(() => fake.heard).toEqual([said(true)]);
  await lab.execute('filebrowser:activate');
  await expect.poll(() => fake.heard).toEqual([said(true), said(false)]);
  await lab.execute('application:toggle-left-area');
  await lab.openPanel();
  await expect.poll(() => fake.heard.at(-1)).toEqual(said(true));
  await lab.execute('application:toggle-left-area');
  await expect.poll(() => fake.heard.at(-1)).toEqual(said(false));
});

test('times are those of the server, however wrong the browser’s clock is', async ({
  fake,
  lab
}) => {
  await lab.openPanel();
  fake.show({
    sent_at: 2_000_000,
    clusters: [
      aCluster('c', { started_at: 1_996_395, idle_since: 1_999_930, idle_timeout_s: 600 })
    ]
  });
  await expect(lab.section('clusters')).toContainText('Up 1 h');
  await expect(lab.section('clusters')).toContainText('Stops in 8 min (idle)');
});
