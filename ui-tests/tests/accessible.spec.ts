/**
 * The panel's accessibility, as far as axe can tell: in each theme, with all kinds of views.
 */
import type { ISnapshot } from '../../labextension/src/feed';
import { test } from '../fake/feed';
import { paid } from '../fake/paid';
import {
  failed,
  fleet,
  gpuBox,
  machines,
  mixed,
  starting,
  working
} from '../fake/scenes';
import { findViolations } from './axe';
import { expect } from './lab';

const NOW = 1_790_000_000;
const SCENES: Record<string, (now: number) => Partial<ISnapshot>> = {
  empty: () => ({}),
  starting,
  failed,
  machines,
  fleet,
  gpuBox,
  working,
  paid,
  mixed: (now: number) => ({ ...mixed(now), runs: working(now).runs ?? [] })
};

for (const theme of ['Light', 'Dark'] as const) {
  test(`axe finds nothing serious in the panel, ${theme}`, async ({ fake, lab }) => {
    await lab.setTheme(theme);
    await lab.openPanel();
    const found: Record<string, string[]> = {};
    for (const width of [320, 600]) {
      await lab.setPanelWidth(width);
      for (const [name, scene] of Object.entries(SCENES)) {
        const shown = scene(NOW);
        fake.show({ ...shown, sent_at: NOW });
        await expect(lab.section('clusters').locator('.jp-scale-Cluster')).toHaveCount(
          shown.clusters?.length ?? 0
        );
        found[`${name} ${width}`] = await findViolations(lab, '#jupyter-scale-panel');
      }
    }
    expect(found).toEqual(Object.fromEntries(Object.keys(found).map(name => [name, []])));
  });
}

test('axe finds nothing serious when the server is lost', async ({ fake, lab }) => {
  await lab.openPanel();
  fake.show({ ...working(NOW), sent_at: NOW });
  await fake.setDown(true);
  await expect(lab.panel.getByRole('button', { name: 'Try now' })).toBeVisible();
  expect(await findViolations(lab, '#jupyter-scale-panel')).toEqual([]);
});

for (const theme of ['Light', 'Dark'] as const) {
  test(`axe finds nothing serious in the page of a node, ${theme}`, async ({
    fake,
    lab
  }) => {
    await lab.setTheme(theme);
    fake.setLog('a line', 'distributed - WARNING - another');
    fake.show({ ...gpuBox(NOW), sent_at: NOW });
    await lab.execute('jupyter-scale:open-node', {
      cluster: 'box',
      node: 'dgx.physics.example.org'
    });
    await expect(lab.nodePage.getByRole('log')).toContainText('a line');
    expect(await findViolations(lab, '.jp-scale-NodePage')).toEqual([]);
  });
}
