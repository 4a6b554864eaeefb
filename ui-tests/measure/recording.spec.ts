/**
 * Pictures of a notebook's first cell on a cluster, one after the other: `test-results/recording-*.png`.
 * The README's recording, `docs/images/first-cell.gif`, is made of them: 960 pixels wide, 0.6 s each.
 */
import { expect, test } from '../tests/lab';

test.use({ home: 'recording', viewport: { width: 1280, height: 720 } });

const MOST = 40;
const EVERY_MS = 600;
const CELLS = [
  '%load_ext jupyter_scale',
  'import time\n\ndef fit(depth):\n    time.sleep(0.4)  # a model that takes its time\n    return depth, 1 - 1 / depth',
  '%%scale\nscores = [fit(depth) for depth in range(1, 33)]\nprint("best:", max(scores, key=lambda s: s[1]))'
];

test('the first cell on a cluster', async ({ lab }) => {
  test.setTimeout(120_000);
  await lab.openNotebook(CELLS);
  await lab.run(0);
  await lab.run(1);
  await lab.openPanel();
  const ended = lab.run(2);
  const cell = { isOver: false };
  void ended.then(() => (cell.isOver = true));
  let taken = 0;
  const take = (): Promise<void> =>
    lab.screenshot(`recording-${String(++taken).padStart(2, '0')}`);
  while (!cell.isOver && taken < MOST) {
    await take();
    await lab.page.waitForTimeout(EVERY_MS);
  }
  const output = await ended;
  await expect(output.first()).toBeVisible();
  await expect(lab.section('runs').getByRole('progressbar')).toHaveCount(0);
  await expect(lab.statusItem).toHaveText(/idle/);
  await take();
  await take();
  await take();
});
