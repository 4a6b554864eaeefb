/**
 * Large letters and narrow panels: at 200 % zoom a window has half as many pixels, and all is there.
 */
import { test } from '../fake/feed';
import { PANELS } from '../fake/states';
import { expectDrawn, type SectionName, SECTIONS } from './drawn';
import { findFaults } from './layout';
import { expect } from './lab';

const NOW = 1_790_000_000;

/** The states that look different in a section. */
const SHOWN: Partial<Record<SectionName, readonly string[]>> = {
  nodes: ['machines', 'fleet', 'gpuBox', 'paid'],
  runs: ['working', 'gpuBox'],
  data: ['working'],
  log: ['troubled']
};

test.use({ viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 });

test('at 200 % zoom nothing of the panel is cut off or hidden', async ({ fake, lab }) => {
  await lab.openPanel();
  await lab.setPanelWidth(280);
  const found: Record<string, string[]> = {};
  for (const section of SECTIONS) {
    await lab.unfold(section);
    for (const name of SHOWN[section] ?? Object.keys(PANELS)) {
      const scene = PANELS[name] ?? ((): object => ({}));
      fake.show({ ...scene(NOW), sent_at: NOW });
      await expectDrawn(lab, section, scene(NOW));
      await lab.screenshot(`zoomed-${name}-${section}`);
      found[`${name} ${section}`] = await findFaults(lab, `.jp-scale-mod-${section}`);
    }
  }
  expect(found).toEqual(Object.fromEntries(Object.keys(found).map(name => [name, []])));
});
