import { expect } from '@playwright/test';

import type { ISnapshot } from '../../labextension/src/feed';
import { type FakeFeed, test } from '../fake/feed';
import { crowd, mixed, starting, working } from '../fake/scenes';

const SCENES = { empty: () => ({}), starting, working, mixed };

for (const theme of ['Light', 'Dark'] as const) {
  test(`pictures of the panel, ${theme}`, async ({ fake, lab }) => {
    await lab.setTheme(theme);
    await lab.openPanel();
    for (const width of [280, 600]) {
      await lab.setPanelWidth(width);
      for (const [name, scene] of Object.entries(SCENES)) {
        // What is long is seen in whole.
        await lab.page.setViewportSize({
          width: 1280,
          height: name === 'mixed' ? 1600 : 800
        });
        const shown = scene(Date.now() / 1000);
        fake.show(shown);
        await feedLoads(fake, shown);
        for (const section of ['clusters', 'nodes', 'runs']) {
          const { inner, outer } = await lab.section(section).evaluate(node => ({
            inner: node.scrollWidth,
            outer: node.clientWidth
          }));
          expect(inner, `${section} of ${name} fits`).toBeLessThanOrEqual(outer);
        }
        await lab.screenshot(`panel-${name}-${theme.toLowerCase()}-${width}`);
      }
    }
  });
}

test('a thousand nodes do not hold the browser up', async ({ fake, lab }) => {
  await lab.openPanel();
  fake.show(crowd(1000));
  await expect(lab.section('nodes').locator('.jp-scale-Node')).toHaveCount(1000);
  const longest = await lab.page.evaluate(async () => {
    let last = performance.now();
    let worst = 0;
    const end = last + 3000;
    while (last < end) {
      await new Promise(resolve => setTimeout(resolve, 10));
      const now = performance.now();
      worst = Math.max(worst, now - last);
      last = now;
    }
    return worst;
  });
  console.log(`longest pause with 1,000 nodes: ${longest.toFixed(0)} ms`);
  expect(longest).toBeLessThan(500);
});

/** Let some seconds of changing load go by, so that there is a history. */
async function feedLoads(
  fake: FakeFeed,
  { clusters = [] }: Partial<ISnapshot>
): Promise<void> {
  for (let second = 0; second < 4; second++) {
    await new Promise(resolve => setTimeout(resolve, 950));
    fake.tell({
      clusters: clusters.map(cluster => ({
        ...cluster,
        nodes: cluster.nodes.map(node => ({
          ...node,
          cpu_percent:
            node.cpu_percent && node.cpu_percent * (0.7 + 0.3 * Math.sin(second * 2))
        }))
      }))
    });
  }
}
