/**
 * The form in which a cluster is described: for this computer, for SSH and for AWS.
 */
import type { Locator, Page } from '@playwright/test';

import { test } from '../fake/feed';
import { OFFERS } from '../fake/paid';
import { findViolations } from './axe';
import { expect, type Lab } from './lab';

const HOSTS = {
  hosts: ['node1', 'node2', 'gpu-box', 'a100-1.cluster.physics.example.org']
};

async function openForm(lab: Lab): Promise<Locator> {
  await lab.openPanel();
  await lab.panel.getByRole('button', { name: 'New Cluster…' }).click();
  return lab.page.locator('.jp-Dialog');
}

/** A picture, and what axe finds, at both widths of the window that matter. */
async function look(lab: Lab, page: Page, name: string): Promise<void> {
  for (const width of [360, 1280]) {
    await page.setViewportSize({ width, height: 900 });
    await lab.screenshot(`form-${name}-${width}`);
  }
  expect(await findViolations(lab, '.jp-Dialog')).toEqual([]);
}

for (const theme of ['Light', 'Dark'] as const) {
  test(`a cluster of hosts of ssh_config, ${theme}`, async ({ fake, lab, page }) => {
    await lab.setTheme(theme);
    fake.answers['GET hosts'] = HOSTS;
    const form = await openForm(lab);
    await expect(form.getByRole('radio', { name: 'This computer' })).toBeFocused();
    await page.keyboard.press('ArrowDown');
    await expect(form.getByRole('textbox', { name: 'Name' })).toHaveValue('lab');
    await form.getByRole('button', { name: 'Create' }).click();
    await expect(form.getByRole('alert')).toHaveText('At least one host is needed.');
    await form.getByRole('checkbox', { name: 'node1' }).check();
    await form.getByRole('checkbox', { name: 'gpu-box' }).check();
    await form.getByRole('textbox', { name: 'Other hosts' }).fill('me@10.0.0.7:2222');
    await form.getByRole('spinbutton', { name: 'Workers on each host' }).fill('4');
    fake.refusal = {
      message: 'scale.toml, line 3: no good',
      complaint: '"me@10.0.0.7:2222" cannot be a host',
      key: 'hosts'
    };
    await form.getByRole('button', { name: 'Create' }).click();
    const others = form.getByRole('textbox', { name: 'Other hosts' });
    await expect(others).toBeFocused();
    await expect(others).toHaveAccessibleDescription(/cannot be a host/);
    await look(lab, page, `ssh-${theme.toLowerCase()}`);

    await form.getByRole('button', { name: 'Create' }).click();
    await expect(form).toHaveCount(0);
    const body = {
      name: 'lab',
      table: {
        provider: 'ssh',
        idle_timeout: '30m',
        orphan_after: '2h',
        pools: [{ hosts: ['node1', 'gpu-box', 'me@10.0.0.7:2222'], workers: 4 }]
      },
      place: 'config'
    };
    const asked = `POST profiles ${JSON.stringify(body)}`;
    await expect
      .poll(() => fake.asked)
      .toEqual([
        'GET hosts',
        asked,
        asked,
        'GET profiles/lab/quote',
        'POST clusters {"profile":"lab"}'
      ]);
  });

  test(`a cluster of instances, ${theme}`, async ({ fake, lab, page }) => {
    await lab.setTheme(theme);
    fake.answers['GET offers'] = OFFERS;
    fake.answers['POST quotes'] = {
      lines: ['2 x g5.xlarge (spot): 0.43 USD an hour each', 'together 0.86 USD an hour']
    };
    const form = await openForm(lab);
    await form.getByRole('radio', { name: 'Instances of AWS' }).check();
    await expect(form.getByRole('row', { name: /g5.12xlarge/ })).toContainText(
      '4 × A10G'
    );
    await expect(form.getByRole('row', { name: /p5.48xlarge/ })).toContainText('unknown');
    await form.getByRole('button', { name: 'g5.xlarge', exact: true }).press('Enter');
    await expect(form.getByRole('textbox', { name: 'Type of instances' })).toHaveValue(
      'g5.xlarge'
    );
    await form.getByRole('spinbutton', { name: 'How many' }).fill('2');
    await form.getByRole('spinbutton', { name: 'May cost at most' }).fill('20');
    await form.getByRole('checkbox', { name: /^Spot/ }).check();
    await form.getByRole('button', { name: 'What would it cost?' }).click();
    await expect(form).toContainText('together 0.86 USD an hour');
    await look(lab, page, `aws-${theme.toLowerCase()}`);
    await form.getByRole('spinbutton', { name: 'How many' }).fill('3');
    await expect(form).not.toContainText('together 0.86 USD an hour'); // it is another price
    await form.getByRole('checkbox', { name: 'Start it now' }).uncheck();
    await form.getByRole('button', { name: 'Create' }).click();
    await expect(form).toHaveCount(0);
    expect(fake.asked.at(-1)).toContain(
      '"instance_type":"g5.xlarge","count":3,"spot":true'
    );
    expect(fake.asked.filter(asked => asked.startsWith('POST clusters'))).toEqual([]);
  });
}

test('what AWS refuses is said where its offers would be', async ({
  fake,
  lab,
  page
}) => {
  fake.answers['GET offers'] = {};
  const form = await openForm(lab);
  fake.refusal = 'There are no AWS credentials: run aws configure.';
  await form.getByRole('radio', { name: 'Instances of AWS' }).check();
  await expect(form).toContainText('There are no AWS credentials');
  await page.keyboard.press('Escape');
  await expect(form).toHaveCount(0);
});
