import { expect } from '@playwright/test';

import type { ISnapshot } from '../../labextension/src/feed';
import { type FakeFeed, test } from '../fake/feed';
import { crowd, failed, fleet, machines, mixed, starting, working } from '../fake/scenes';
import type { Lab } from './lab';

const SCENES = {
  empty: () => ({}),
  starting,
  working,
  failed,
  mixed,
  machines,
  fleet
};

/** What is long is seen in whole. */
const TALL = new Set(['mixed', 'machines', 'fleet']);

/** What time it is on the server, in every scene. */
const NOW = 1_790_000_000;

/** So many seconds of changing load have gone by. */
const HISTORY_S = 40;

for (const theme of ['Light', 'Dark'] as const) {
  test(`pictures of the panel, ${theme}`, async ({ fake, lab }) => {
    await lab.setTheme(theme);
    await lab.openPanel();
    for (const width of [280, 600]) {
      await lab.setPanelWidth(width);
      for (const [name, scene] of Object.entries(SCENES)) {
        await lab.page.setViewportSize({
          width: 1280,
          height: TALL.has(name) ? 1600 : 800
        });
        showWithLoads(fake, scene(NOW));
        await expectToBeShown(lab, scene(NOW));
        await expectToFit(lab, name);
        await lab.screenshot(`panel-${name}-${theme.toLowerCase()}-${width}`);
      }
    }
  });
}

test('a thousand nodes do not hold the browser up', async ({ fake, lab }) => {
  await lab.openPanel();
  showWithLoads(fake, crowd(1000), 1);
  const nodes = lab.section('nodes').locator('.jp-scale-Node');
  await expect(nodes).toHaveCount(1000);

  // Time of its main thread, not on a clock: this machine may be busy with other things.
  const session = await lab.page.context().newCDPSession(lab.page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const busy = async (): Promise<number> => {
    const { metrics } = await session.send('Performance.getMetrics');
    return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? NaN;
  };
  const before = await busy();
  for (let second = 1; second <= 5; second++) {
    fake.tell({ sent_at: NOW + second, clusters: crowd(1000, second).clusters ?? [] });
    await expect(nodes.first().getByRole('meter', { name: 'CPU' })).toHaveAttribute(
      'aria-valuenow',
      String(10 * second)
    );
  }
  const each = (1000 * ((await busy()) - before)) / 5;
  console.log(`a second's news of 1,000 nodes: ${each.toFixed(0)} ms`);
  expect(each).toBeLessThan(500);
});

/** The panel does not draw at once what comes many times a second. */
async function expectToBeShown(
  lab: Lab,
  { clusters = [] }: Partial<ISnapshot>
): Promise<void> {
  const cards = lab.section('clusters').locator('.jp-scale-Cluster');
  await expect(cards).toHaveCount(clusters.length);
  for (const [index, { name, status }] of clusters.entries()) {
    await expect(cards.nth(index)).toHaveAttribute(
      'aria-label',
      new RegExp(`^${name}: ${status}$`, 'i')
    );
  }
}

/** Nothing is so wide that its section has to be scrolled sideways. */
async function expectToFit(lab: Lab, name: string): Promise<void> {
  for (const section of ['clusters', 'nodes', 'runs']) {
    const node = lab.section(section);
    await expect
      .poll(
        () => node.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth),
        {
          message: `${section} of ${name}`
        }
      )
      .toBeLessThanOrEqual(0);
  }
}

/** Show a scene after some seconds of changing load, so that there is a history. */
function showWithLoads(
  fake: FakeFeed,
  scene: Partial<ISnapshot>,
  seconds = HISTORY_S
): void {
  fake.show({ ...scene, sent_at: NOW - seconds });
  for (let second = 1; second <= seconds; second++) {
    const part = 0.7 + 0.3 * Math.sin((second - seconds) / 2 + Math.PI / 2);
    fake.tell({
      sent_at: NOW - seconds + second,
      clusters: (scene.clusters ?? []).map(cluster => ({
        ...cluster,
        nodes: cluster.nodes.map(node => ({
          ...node,
          cpu_percent: node.cpu_percent && node.cpu_percent * part
        }))
      }))
    });
  }
}
