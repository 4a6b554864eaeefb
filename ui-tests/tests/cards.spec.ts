/**
 * The cards of clusters: what they cost, when they end, their size, what has failed, notebooks.
 */
import { aCluster, aNode } from '../../labextension/src/testing/views';
import { findViolations } from './axe';
import { test } from '../fake/feed';
import { paid } from '../fake/paid';
import { expect } from './lab';

const NOW = 1_790_000_000;

for (const theme of ['Light', 'Dark'] as const) {
  test(`clusters that cost, ${theme}`, async ({ fake, lab }) => {
    await lab.setTheme(theme);
    await lab.openPanel();
    await lab.page.setViewportSize({ width: 1280, height: 1400 });
    for (const width of [280, 600]) {
      await lab.setPanelWidth(width);
      fake.show({ ...paid(NOW), sent_at: NOW });
      const card = (name: string): ReturnType<typeof lab.panel.getByRole> =>
        lab.section('clusters').getByRole('listitem', { name: `${name}: Running` });
      // 2.1 USD ten minutes ago, and 2.412 USD an hour since.
      await expect(card('train')).toContainText('2.50 of 20.00 USD · 2.41 USD/h');
      await expect(card('train').getByRole('meter')).toHaveAttribute(
        'aria-valuetext',
        '13 %'
      );
      await expect(card('train')).toContainText('Stops in 28 min (idle)');
      await expect(card('train').getByRole('status')).toHaveCount(0);
      await expect(card('sweep').getByRole('status')).toContainText(
        '84 % of the cost limit are spent'
      );
      await expect(card('odd')).toContainText('cost so far unknown · price unknown');
      await lab.screenshot(`cards-${theme.toLowerCase()}-${width}`);
      expect(await findViolations(lab, '#jupyter-scale-panel')).toEqual([]);
    }
    await expect(lab.statusItem).toHaveText(
      '%%scale: 5 nodes, 1 of 12 busy, GPU 91 %, price unknown'
    );
  });

  test(`limits are prolonged, ${theme}`, async ({ fake, lab, page }) => {
    await lab.setTheme(theme);
    await lab.openPanel();
    fake.show({ ...paid(NOW), sent_at: NOW });
    await lab.panel.getByRole('button', { name: 'Change when "sweep" stops' }).click();
    const dialog = page.locator('.jp-Dialog');
    const idle = dialog.getByRole('textbox', { name: 'When nothing runs for' });
    await expect(idle).toBeFocused();
    await idle.fill('soon');
    await idle.press('Enter');
    await expect(dialog.getByRole('alert')).toContainText('such as 30m, 2h or 7d');
    await expect(idle).toHaveAttribute('aria-invalid', 'true');
    await expect(idle).toBeFocused();
    await lab.screenshot(`limits-${theme.toLowerCase()}`);
    expect(await findViolations(lab, '.jp-Dialog')).toEqual([]);

    await idle.fill('2h');
    await dialog.getByRole('spinbutton', { name: 'When it has cost' }).fill('25');
    fake.refusal = 'the node gpu-1 cannot be told';
    await idle.press('Enter');
    await expect(dialog).toContainText('the node gpu-1 cannot be told');
    await idle.press('Enter');
    await expect(dialog).toHaveCount(0);
    const asked = 'PATCH clusters/sweep-2/limits {"idle_timeout_s":7200,"max_cost":25}';
    expect(fake.asked).toEqual([asked, asked]);
  });
}

test('pools are scaled one by one, by button and by keyboard', async ({ fake, lab }) => {
  await lab.openPanel();
  fake.show({ ...paid(NOW), sent_at: NOW });
  const card = lab.section('clusters').getByRole('listitem', { name: 'train: Running' });
  await expect(card).toContainText('4 there');
  await card.getByRole('button', { name: 'Workers of cpu: One less' }).click();
  await expect
    .poll(() => fake.asked)
    .toEqual(['PATCH clusters/train-1 {"workers":7,"pool":"cpu"}']);
  const size = card.getByRole('spinbutton', { name: 'Workers of gpu' });
  await size.fill('12');
  await size.press('Enter');
  await expect
    .poll(() => fake.asked[1])
    .toEqual('PATCH clusters/train-1 {"workers":12,"pool":"gpu"}');
});

test('one failed node is tried again, and what can be done is said', async ({
  fake,
  lab
}) => {
  await lab.openPanel();
  await lab.setPanelWidth(280);
  const error = 'host h2 failed: no route to it.\nIs it switched on?';
  const nodes = [
    aNode('h1'),
    aNode('h2', { status: 'failed', workers: 0, error }),
    aNode('h3', { status: 'failed', workers: 0, error: 'h3: no' })
  ];
  fake.show({ clusters: [aCluster('c', { provider: 'ssh', nodes })] });
  const failed = lab.panel.getByRole('list', { name: 'Failed nodes of c' });
  await expect(failed.getByRole('listitem')).toHaveCount(2);
  await expect(failed).toContainText('What to do: Is it switched on?');
  await lab.screenshot('cards-failed-nodes');
  await failed.getByRole('button', { name: 'Try the node "h2" again' }).click();
  await expect.poll(() => fake.asked).toEqual(['POST clusters/c/retry {"node":"h2"}']);
});

test('what is paid for is started once its price was said', async ({
  fake,
  lab,
  page
}) => {
  await lab.openPanel();
  fake.answers['GET profiles'] = { lines: ['together 2.41 USD an hour, in us-east-1'] };
  fake.show({ profiles: ['local', 'train'] });
  const dialog = page.locator('.jp-Dialog');
  const begin = async (): Promise<void> => {
    await lab.panel.getByRole('button', { name: 'Start a Cluster', exact: true }).click();
    await dialog.locator('select').selectOption('train');
    await dialog.locator('.jp-mod-accept').click();
    await expect(dialog).toContainText('together 2.41 USD an hour');
  };
  await begin();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await begin();
  await dialog.getByRole('button', { name: 'Start' }).click();
  await expect
    .poll(() => fake.asked)
    .toEqual([
      'GET profiles/train/quote',
      'GET profiles/train/quote',
      'POST clusters {"profile":"train"}'
    ]);
});
