import { expect, test } from './lab';

test('a %%scale cell leaves what the plain cell would have left', async ({ lab }) => {
  await lab.openNotebook([
    '%load_ext jupyter_scale',
    "%%scale\nimport os\nx = [i*i for i in range(5)]\nprint('hello', x)\nx",
    'x'
  ]);
  await expect(await lab.run(0)).toHaveCount(0);

  const outputs = await lab.run(1);
  await expect(outputs.filter({ hasText: /^hello \[0, 1, 4, 9, 16\]\s*$/ })).toHaveCount(
    1
  );
  await expect(
    lab.cell(1).locator('.jp-OutputArea-executeResult .jp-OutputArea-output')
  ).toHaveText('[0, 1, 4, 9, 16]');
  await lab.screenshot('demo');

  await lab.run(2);
  await expect(
    lab.cell(2).locator('.jp-OutputArea-executeResult .jp-OutputArea-output')
  ).toHaveText('[0, 1, 4, 9, 16]');
});
