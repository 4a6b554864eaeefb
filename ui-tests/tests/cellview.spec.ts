/**
 * What a cell shows while it runs, the button that stops it, and what a saved notebook has of it.
 */
import { findViolations } from './axe';
import { expect, type Lab, test } from './lab';

test.use({ home: 'cellview' });

const CELLS = [
  '%load_ext jupyter_scale',
  '%%scale\nimport time\nnaps = [time.sleep(0.1) for _ in range(60)]\nmore = [time.sleep(0.3) for _ in range(60)]',
  '%%scale\n[time.sleep(0.3) for _ in range(1000)]'
];
const [LOAD, NAPS, ENDLESS] = [0, 1, 2] as const;

test('bars while it runs, one line when it is done, and a button that stops it', async ({
  lab
}) => {
  test.setTimeout(150_000);
  await lab.openNotebook(CELLS);
  await lab.run(LOAD);
  const napping = lab.run(NAPS);
  const output = lab.cell(NAPS).locator('.jp-OutputArea');
  await expect(output.getByText(/line 2: \d+\/60/)).toBeVisible({ timeout: 60_000 });
  await expect(output.getByText(/line 3: \d+\/60/)).toBeVisible({ timeout: 60_000 });
  await expect(output.getByText('1 node · sent')).toBeVisible();
  for (const theme of ['Dark', 'Light'] as const) {
    await lab.setTheme(theme);
    await lab.screenshot(`cellview-${theme.toLowerCase()}`);
  }
  await napping;
  await expect(output.getByText(/^cluster · .* loops spread/)).toBeVisible();
  await expect(output.locator('.jupyter-widgets')).toHaveCount(0);
  await lab.screenshot('cellview-done');
  expect(await findViolations(lab, '.jp-NotebookPanel .jp-OutputArea')).toEqual([]);
  expect(await savedOutputs(lab, NAPS)).toEqual([['text/html', 'text/plain']]);

  const endless = lab.run(ENDLESS);
  const stop = lab.cell(ENDLESS).getByRole('button', { name: 'Stop' });
  await stop.click({ timeout: 60_000 });
  await endless;
  await expect(lab.cell(ENDLESS).getByText('KeyboardInterrupt').first()).toBeVisible();
  await expect(lab.cell(ENDLESS).locator('.jupyter-widgets')).toHaveCount(0);
  expect(JSON.stringify(await savedOutputs(lab, ENDLESS))).not.toContain('widget');
});

/** Save the notebook; the mime types of each output of a cell, as they are on the disk. */
async function savedOutputs(lab: Lab, index: number): Promise<string[][]> {
  const path = await lab.save();
  const content = await lab.page.evaluate(async file => {
    const answer = await fetch(
      new URL(`/api/contents/${file}?content=1`, document.location.href)
    );
    return ((await answer.json()) as { content: ISavedNotebook }).content;
  }, path);
  expect(content.metadata.widgets).toBeUndefined();
  const outputs = content.cells[index]?.outputs ?? [];
  return outputs.map(({ data, output_type: type }) =>
    data ? Object.keys(data).sort() : [type]
  );
}

interface ISavedNotebook {
  metadata: { widgets?: object };
  cells: { outputs?: { output_type: string; data?: object }[] }[];
}
