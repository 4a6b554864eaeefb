/**
 * For all senses and hands: colours that the system forces, motion that is not wanted, the keyboard alone.
 */
import type { Locator } from '@playwright/test';

import { test } from '../fake/feed';
import { fleet, gpuBox, mixed, starting, working } from '../fake/scenes';
import { troubled } from '../fake/streams';
import { expectDrawn, type SectionName } from './drawn';
import { findFaults } from './layout';
import { expect, type Lab } from './lab';

const NOW = 1_790_000_000;

test.use({ viewport: { width: 1280, height: 1000 } });

test('with forced colours bars, lines and signs are still to be seen', async ({
  fake,
  lab,
  page
}) => {
  await page.emulateMedia({ forcedColors: 'active' });
  await lab.openPanel();
  const scenes = { fleet, gpuBox, working, mixed, troubled };
  for (const [name, scene] of Object.entries(scenes)) {
    fake.show({ ...scene(NOW), sent_at: NOW });
    await expectDrawn(lab, 'clusters', scene(NOW));
    await expectDrawn(lab, 'nodes', scene(NOW));
    await lab.screenshot(`forced-${name}`);
    for (const bar of await lab.panel.locator('.jp-scale-Bar:visible').all()) {
      const { track, part, border } = await bar.evaluate(box => ({
        track: getComputedStyle(box).backgroundColor,
        part: getComputedStyle(box.firstElementChild ?? box).backgroundColor,
        border: getComputedStyle(box).borderTopWidth
      }));
      expect([border, track === part]).toEqual(['1px', false]);
    }
    expect(await findFaults(lab, '#jupyter-scale-panel')).toEqual([]);
  }
});

test('nothing moves where that is not wanted', async ({ fake, lab, page }) => {
  await lab.openPanel();
  const moving = (): Promise<number> =>
    lab.panel.evaluate(
      panel =>
        document.getAnimations().filter(({ effect, playState }) => {
          const target = effect instanceof KeyframeEffect ? effect.target : null;
          return playState === 'running' && panel.contains(target);
        }).length
    );
  fake.show({ ...starting(NOW), sent_at: NOW });
  await expectDrawn(lab, 'clusters', starting(NOW));
  expect(await moving()).toBeGreaterThan(0);
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await expect.poll(moving).toBe(0);
});

const SCENES = { clusters: mixed, nodes: gpuBox, runs: working, log: troubled } as const;

for (const [section, scene] of Object.entries(SCENES)) {
  test(`all that can be done in the section "${section}" is done by keyboard`, async ({
    fake,
    lab
  }) => {
    await lab.openPanel();
    await lab.unfold(section);
    fake.show({ ...scene(NOW), sent_at: NOW });
    await expectDrawn(lab, section as SectionName, scene(NOW));
    const controls = lab // while JupyterLab starts, its launcher may take the focus
      .section(section)
      .locator('button:enabled, select, input, summary, [tabindex="0"]');
    const wanted = await named(controls);
    expect(wanted.length).toBeGreaterThan(1);
    await expect(async () => {
      const { reached, faint } = await walk(lab, section);
      expect(wanted.filter(name => !reached.includes(name))).toEqual([]);
      expect(faint).toEqual([]);
    }).toPass({ timeout: 30_000 });
  });
}

test('a section is folded, a run opened and a page reached without a mouse', async ({
  fake,
  lab,
  page
}) => {
  await lab.openPanel();
  fake.show({ ...working(NOW), sent_at: NOW });
  await expectDrawn(lab, 'runs', working(NOW));
  const title = lab.panel.locator('.lm-AccordionPanel-title', { hasText: 'Nodes' });
  await title.focus();
  await page.keyboard.press('Enter');
  await expect(title).toHaveAttribute('aria-expanded', 'false');
  await page.keyboard.press('Enter');
  await expect(title).toHaveAttribute('aria-expanded', 'true');

  const error = lab.section('runs').locator('details.jp-scale-Error');
  await error.locator('summary').focus();
  await page.keyboard.press('Enter');
  await expect(error.locator('pre')).toBeVisible();

  await lab.section('nodes').getByRole('button', { name: 'local-0' }).focus();
  await page.keyboard.press('Enter');
  await expect(lab.nodePage.getByRole('heading', { level: 2 })).toContainText('local-0');
  await lab.nodePage.focus();
  await page.keyboard.press('Tab');
  await expect(lab.nodePage.locator(':focus-visible')).toHaveCount(1);
});

/** How controls are called, as far as that is enough to tell them apart. */
async function named(controls: Locator): Promise<string[]> {
  return controls.evaluateAll(all =>
    all
      .filter(control => control.checkVisibility())
      .map(
        control =>
          `${control.tagName} ${control.getAttribute('aria-label') ?? control.textContent}`
      )
  );
}

interface IWalk {
  readonly reached: readonly string[];
  /** What has the focus without showing it. */
  readonly faint: readonly string[];
}

/** Go through a section with the key Tab, from its title on. */
async function walk(lab: Lab, section: string): Promise<IWalk> {
  const reached: string[] = [];
  const faint: string[] = [];
  await lab.panel
    .locator('.lm-AccordionPanel-title[aria-expanded="true"]')
    .first()
    .focus();
  for (let steps = 0; steps < 120; steps++) {
    await lab.page.keyboard.press('Tab');
    const at = await lab.section(section).evaluate(root => {
      const focused = document.activeElement;
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(
        focused ?? document.body
      );
      return {
        isInside: root.contains(focused),
        name: `${focused?.tagName} ${focused?.getAttribute('aria-label') ?? focused?.textContent ?? ''}`,
        isShown:
          (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none'
      };
    });
    if (at.isInside) {
      reached.push(at.name);
      if (!at.isShown) {
        faint.push(at.name);
      }
    } else if (reached.length > 0) {
      break;
    }
  }
  return { reached, faint };
}
