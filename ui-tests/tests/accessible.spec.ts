/**
 * Every state of the panel, its pages and its dialogs: in each theme, narrow and wide, as far as axe and
 * a look at the layout can tell.
 */
import { aKept, aRun } from '../../labextension/src/testing/views';
import { type FakeFeed, test } from '../fake/feed';
import { OFFERS } from '../fake/paid';
import { gpuBox, working } from '../fake/scenes';
import { PANELS } from '../fake/states';
import { atTasks, tasksOf } from '../fake/streams';
import { findViolations } from './axe';
import { expectDrawn } from './drawn';
import { findFaults } from './layout';
import { expect, type Lab, type Theme, THEMES } from './lab';

const NOW = 1_790_000_000;
const DGX = 'dgx.physics.example.org';

test.use({ viewport: { width: 1280, height: 1100 } });

/** What is wrong with a part of the page. */
async function look(lab: Lab, selector: string): Promise<string[]> {
  return [...(await findViolations(lab, selector)), ...(await findFaults(lab, selector))];
}

/** Failures of several cells, some of them alike, and cells that ended while nobody looked. */
async function showFailures(fake: FakeFeed, lab: Lab): Promise<void> {
  const { clusters = [], runs = [] } = working(NOW);
  const error = "KeyError: 'a column with a name as long as they are in real tables'";
  const failures = [1, 2, 3].map(count =>
    aRun(`again-${count}`, {
      notebook: 'a.ipynb',
      status: 'failed',
      execution_count: 20 + count,
      first_line: 'frame[names].groupby(by)',
      started_at: NOW - 50 + count,
      ended_at: NOW - 49 + count,
      error,
      traceback: `Traceback (most recent call last)\n${error}`
    })
  );
  fake.kept = [
    aKept('k1', { status: 'failed', notebook: 'deep/in/training.ipynb' }),
    aKept('k2', { names: ['scores', 'model', 'history'], result_bytes: 3_200_000 })
  ];
  fake.show({ clusters, runs: [...runs, ...failures, aRun('k1')], sent_at: NOW });
  await expect(lab.section('runs').getByText('x = 1').first()).toBeVisible();
  fake.tell({ runs: [aRun('k1', { status: 'done', ended_at: 1010 })] });
}

for (const theme of THEMES) {
  test(`each state of the panel, ${theme}`, async ({ fake, lab }) => {
    await lab.setTheme(theme);
    await lab.openPanel();
    const found: Record<string, string[]> = {};
    for (const width of theme === 'Dark High Contrast' ? [280] : [280, 600]) {
      await lab.setPanelWidth(width);
      for (const [name, scene] of Object.entries(PANELS)) {
        fake.show({ ...scene(NOW), sent_at: NOW });
        for (const section of ['clusters', 'nodes', 'runs'] as const) {
          await expectDrawn(lab, section, scene(NOW));
        }
        found[`${name} ${width}`] = await look(lab, '#jupyter-scale-panel');
        if (theme === 'Dark High Contrast') {
          await lab.screenshot(`contrast-${name}-${width}`);
        }
      }
      await showFailures(fake, lab);
      const missed = lab.section('runs').getByRole('region', { name: /1 cell finished/ });
      await expect(missed).toHaveCount(2);
      await expect(lab.section('runs')).toContainText('× 3');
      found[`failures ${width}`] = await look(lab, '#jupyter-scale-panel');
      await lab.screenshot(`failures-${nameOf(theme)}-${width}`);
    }
    expectNothing(found);
  });

  test(`pages and dialogs, ${theme}`, async ({ fake, lab, page }) => {
    await lab.setTheme(theme);
    await lab.openPanel();
    const found: Record<string, string[]> = {};
    const seeAt = async (name: string, selector: string): Promise<void> => {
      for (const width of [560, 1280]) {
        await page.setViewportSize({ width, height: 900 });
        await lab.screenshot(`${name}-${nameOf(theme)}-${width}`);
        found[`${name} ${width}`] = await look(lab, selector);
      }
    };
    const box = gpuBox(NOW);
    fake.setLog('a line', 'distributed - WARNING - another');
    fake.show({
      ...box,
      ...atTasks(NOW),
      clusters: [...(box.clusters ?? []), ...(atTasks(NOW).clusters ?? [])],
      sent_at: NOW
    });
    await lab.execute('jupyter-scale:open-node', { cluster: 'box', node: DGX });
    await expect(lab.nodePage.getByRole('log')).toContainText('a line');
    await lab.execute('application:toggle-left-area');
    await seeAt('page-node', '.jp-scale-NodePage');

    await lab.execute('jupyter-scale:open-tasks', { cluster: 'lab-1' });
    const tasks = page.locator('.jp-scale-TaskPage');
    await expect(tasks).toContainText('No worker did anything');
    fake.tasks(tasksOf(NOW, 12, 60));
    await expect(tasks.getByRole('group', { name: /^12 workers/ })).toBeVisible();
    await tasks.getByText('In numbers').click();
    await seeAt('page-tasks', '.jp-scale-TaskPage');
    await lab.execute('application:toggle-left-area');

    const dialog = page.locator('.jp-Dialog');
    const commands = {
      'change-limits': 'When nothing runs for',
      'scale-cluster': 'Workers',
      'stop-cluster': 'Stop',
      'new-cluster': 'This computer'
    };
    fake.answers['GET hosts'] = {
      hosts: ['node1', 'a100-1.cluster.physics.example.org']
    };
    fake.answers['GET offers'] = OFFERS;
    fake.show({ ...working(NOW), sent_at: NOW });
    await expectDrawn(lab, 'clusters', working(NOW));
    for (const [command, text] of Object.entries(commands)) {
      const asked = lab.page.evaluate(id => {
        void (
          window as unknown as {
            jupyterapp: { commands: { execute(id: string): Promise<unknown> } };
          }
        ).jupyterapp.commands.execute(id);
      }, `jupyter-scale:${command}`);
      await asked;
      await expect(dialog).toContainText(text);
      await seeAt(`dialog-${command}`, '.jp-Dialog');
      if (command === 'new-cluster') {
        for (const provider of ['SSH', 'AWS']) {
          await dialog.getByRole('radio', { name: provider }).check({ force: true });
          await seeAt(`dialog-${command}-${provider.toLowerCase()}`, '.jp-Dialog');
        }
      }
      await page.keyboard.press('Escape');
      await expect(dialog).toHaveCount(0);
    }
    expectNothing(found);
  });
}

test('the server is lost', async ({ fake, lab }) => {
  await lab.openPanel();
  fake.show({ ...working(NOW), sent_at: NOW });
  await fake.setDown(true);
  await expect(lab.panel.getByRole('button', { name: 'Try now' })).toBeVisible();
  expect(await look(lab, '#jupyter-scale-panel')).toEqual([]);
});

function nameOf(theme: Theme): string {
  return theme.toLowerCase().replaceAll(' ', '-');
}

function expectNothing(found: Record<string, string[]>): void {
  expect(found).toEqual(Object.fromEntries(Object.keys(found).map(name => [name, []])));
}
