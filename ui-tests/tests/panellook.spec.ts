import { expect } from '@playwright/test';

import type { INodeView, ISnapshot } from '../../labextension/src/feed';
import { type FakeFeed, test } from '../fake/feed';
import {
  crowd,
  failed,
  fleet,
  gpuBox,
  machines,
  mixed,
  starting,
  working
} from '../fake/scenes';
import { expectDrawn } from './drawn';
import type { Lab } from './lab';

const SCENES = {
  empty: () => ({}),
  starting,
  working,
  failed,
  mixed,
  machines,
  fleet,
  gpuBox
};

/** What is long is seen in whole. */
const TALL = new Set(['mixed', 'machines', 'fleet', 'gpuBox']);

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
        await expectDrawn(lab, 'clusters', scene(NOW));
        await expectToFit(lab, name);
        await lab.screenshot(`panel-${name}-${theme.toLowerCase()}-${width}`);
      }
    }
  });
}

test('a thousand nodes with eight GPUs each do not hold the browser up', async ({
  fake,
  lab
}) => {
  await lab.openPanel();
  showWithLoads(fake, crowd(1000), 1);
  const nodes = lab.section('nodes').locator('.jp-scale-Node');
  await expect(nodes.first()).toHaveAttribute('aria-setsize', '1000');
  expect(await nodes.count()).toBeLessThan(40);

  // Time of its main thread, not on a clock: this machine may be busy with other things.
  const session = await lab.page.context().newCDPSession(lab.page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const busy = async (): Promise<number> => {
    const { metrics } = await session.send('Performance.getMetrics');
    return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? NaN;
  };
  const before = await busy();
  for (let second = 1; second <= 5; second++) {
    for (const cluster of crowd(1000, second).clusters ?? []) {
      fake.load(cluster, NOW + second);
    }
    await expect(nodes.first().getByRole('meter', { name: 'CPU' })).toHaveAttribute(
      'aria-valuenow',
      String(10 * second)
    );
  }
  const each = (1000 * ((await busy()) - before)) / 5;
  console.log(`a second's news of 1,000 nodes: ${each.toFixed(0)} ms`);
  expect(each).toBeLessThan(500);
});

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

/** The node with a part of its load. */
function withPart(node: INodeView, part: number): INodeView {
  const gpus = node.gpus.map((gpu, index) => ({
    ...gpu,
    utilisation_percent:
      gpu.utilisation_percent && gpu.utilisation_percent * (index % 2 ? part ** 3 : part)
  }));
  return { ...node, gpus, cpu_percent: node.cpu_percent && node.cpu_percent * part };
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
    for (const cluster of scene.clusters ?? []) {
      const nodes = cluster.nodes.map(node => withPart(node, part));
      fake.load({ ...cluster, nodes }, NOW - seconds + second);
    }
  }
}
