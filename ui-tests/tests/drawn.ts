/**
 * Waits until a section shows a scene: the panel does not draw at once what comes many times a second.
 */
import type { ISnapshot } from '../../labextension/src/feed';
import { isActive } from '../../labextension/src/runs';
import { expect, type Lab } from './lab';

/** The sections of the panel, from top to bottom. */
export const SECTIONS = ['clusters', 'nodes', 'runs', 'data', 'log'] as const;
export type SectionName = (typeof SECTIONS)[number];

/** Wait until a section shows what it has of a scene. */
export async function expectDrawn(
  lab: Lab,
  section: SectionName,
  { clusters = [], runs = [], log = [] }: Partial<ISnapshot>
): Promise<void> {
  const within = lab.section(section);
  switch (section) {
    case 'clusters': {
      const cards = within.locator('.jp-scale-Cluster');
      await expect(cards).toHaveCount(clusters.length);
      for (const [index, { name, status }] of clusters.entries()) {
        await expect(cards.nth(index)).toHaveAttribute(
          'aria-label',
          new RegExp(`^${name}: ${status}$`, 'i')
        );
      }
      return;
    }
    case 'nodes': {
      const nodes = clusters.flatMap(cluster => cluster.nodes);
      const first = within.locator('.jp-scale-Node').first();
      if (nodes.length === 0) {
        await expect(first).toHaveCount(0);
      } else {
        await expect(first).toContainText(nodes[0]?.name ?? '');
      }
      return;
    }
    case 'runs': {
      const active = runs.filter(isActive);
      const stops = within.getByRole('button', { name: 'Interrupt this cell' });
      await expect(stops).toHaveCount(active.length);
      return;
    }
    case 'data':
      await expect(within).toContainText(/notebook/);
      return;
    case 'log':
      await expect
        .poll(async () => (await within.locator('.jp-scale-LogLine').count()) > 0)
        .toBe(log.length > 0);
  }
}
