import { expect, test } from './lab';

const TOGGLE = 'jupyter-scale:toggle-cell';

test('the toolbar button puts %%scale on the active cell and takes it off', async ({
  lab
}) => {
  await lab.openNotebook(['x = 1', 'y = 2']);
  const button = lab.toolbarButton(TOGGLE);
  await expect(button).toHaveAttribute('aria-pressed', 'false');

  await button.click();
  expect(await lab.source(0)).toBe('%%scale\nx = 1');
  expect(await lab.source(1)).toBe('y = 2');
  await expect(button).toHaveAttribute('aria-pressed', 'true');
  await lab.screenshot('toggle-on');

  await lab.select(1);
  await expect(button).toHaveAttribute('aria-pressed', 'false');
  await lab.select(0);
  await button.click();
  expect(await lab.source(0)).toBe('x = 1');
  await expect(button).toHaveAttribute('aria-pressed', 'false');
});

test('a cell gets its options back', async ({ lab }) => {
  await lab.openNotebook(['%%scale --gpu 1\nfit()']);
  await lab.execute(TOGGLE);
  expect(await lab.source(0)).toBe('fit()');
  await lab.execute(TOGGLE);
  expect(await lab.source(0)).toBe('%%scale --gpu 1\nfit()');
});

test('every selected cell is toggled, and the cursor keeps its place', async ({
  lab,
  page
}) => {
  await lab.openNotebook(['one', '%%scale\ntwo', 'three']);
  await lab.cell(0).locator('.cm-content').click();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  await lab.execute(TOGGLE);
  await page.keyboard.type('!');
  expect(await lab.source(0)).toBe('%%scale\no!ne');

  await lab.execute(TOGGLE);
  await page.keyboard.type('?');
  expect(await lab.source(0)).toBe('o!?ne');

  await lab.execute('notebook:enter-command-mode');
  await lab.execute('notebook:extend-marked-cells-bottom');
  await lab.execute(TOGGLE);
  const sources = await Promise.all([0, 1, 2].map(index => lab.source(index)));
  expect(sources).toEqual(['%%scale\no!?ne', '%%scale\ntwo', '%%scale\nthree']);
});
