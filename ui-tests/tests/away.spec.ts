/**
 * Who closes the browser in mid-cell: the output completes itself under its cell in the next one.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, type Lab, test } from './lab';

test.use({ home: 'away' });

const LOAD = 0;
const SLOW = 1;
const WHOLE = ['begun\n', 'in between', 'ended\n', '42'];
const SLOW_CELL = [
  '%%scale',
  'import pathlib, time',
  'from IPython.display import display, HTML',
  'print("begun")',
  'while not pathlib.Path("go").exists():',
  '    time.sleep(0.05)',
  'display(HTML("<b>in between</b>"))',
  'print("ended")',
  'answer = 42',
  'answer'
].join('\n');

test('close the browser in mid-cell, open it again: the cell is whole', async ({
  browser,
  lab,
  server
}) => {
  test.setTimeout(180_000);
  await lab.openNotebook(['%load_ext jupyter_scale', SLOW_CELL, 'answer + 1']);
  await lab.run(LOAD);
  const { path } = await lab.notebook();
  await lab.save();
  await lab.select(SLOW);
  void lab.execute('notebook:run-cell').catch(() => undefined); // the page goes before it ends
  await expect(lab.cell(SLOW).getByText('begun')).toBeVisible({ timeout: 60_000 });
  await runLasts(lab);
  await lab.page.close({ runBeforeUnload: false });

  const page = await browser.newPage();
  const again = lab.on(page);
  await again.open(`${server.url}/lab/tree/${path}?reset&token=${server.token}`);
  await expect(again.cell(SLOW).getByText('begun')).toBeVisible({ timeout: 60_000 });
  await expect(again.cell(SLOW).locator('.jp-InputPrompt')).toHaveText('[*]:');
  await again.screenshot('away-going-on');
  writeFileSync(join(server.folder, 'go'), '');
  const output = again.cell(SLOW).locator('.jp-OutputArea-output');
  await expect(output.getByText('ended')).toBeVisible({ timeout: 60_000 });
  await expect(output).toHaveText(WHOLE);
  await expect(again.cell(SLOW).locator('.jp-InputPrompt')).toHaveText(/\[\d+\]:/);
  await again.screenshot('away-completed');
  await expect
    .poll(() => savedTypes(again, path, SLOW), { timeout: 30_000 })
    .toEqual(['stream', 'display_data', 'stream', 'execute_result']);
  await expect(await again.run(2)).toHaveText('43'); // its kernel has been there all the time

  // Once: whoever opens the notebook again finds the file as it is.
  await again.open(`${server.url}/lab/tree/${path}?reset&token=${server.token}`);
  await expect(again.cell(SLOW).locator('.jp-OutputArea-output')).toHaveText(WHOLE);
  await again.openPanel();
  await expect(again.section('runs').getByText('while you were away')).toHaveCount(0);
  await page.close();
});

/** Wait until the run is on the disk: it has lasted for a while. */
async function runLasts(lab: Lab): Promise<void> {
  await expect
    .poll(
      () =>
        lab.page.evaluate(async () => {
          const answer = await fetch('/jupyter-scale/api/runs/kept');
          return ((await answer.json()) as { runs: { status: string }[] }).runs.map(
            ({ status }) => status
          );
        }),
      { timeout: 60_000 }
    )
    .toEqual(['running']);
}

/** The types of a cell's outputs, as the file has them. */
async function savedTypes(lab: Lab, path: string, index: number): Promise<string[]> {
  return lab.page.evaluate(
    async ([file, number]) => {
      const answer = await fetch(`/api/contents/${file}?content=1`);
      const { content } = (await answer.json()) as {
        content: { cells: { outputs?: { output_type: string }[] }[] };
      };
      return content.cells[number]?.outputs?.map(({ output_type: type }) => type) ?? [];
    },
    [path, index] as const
  );
}
