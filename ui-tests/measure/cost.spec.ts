/**
 * What the panel costs: the page's CPU time, the server's, and the feed's traffic. Nothing is asserted.
 *
 * The cell is quiet, so that its own progress bar costs nothing.
 */
import { expect, type Lab, test } from '../tests/lab';
import { follow, HEAD, row } from './meter';

test.use({ home: 'measure' });

const SECONDS = Number(process.env.MEASURE_S ?? 30);
const SETTLE_MS = 5000;
const CELLS = [
  '%load_ext jupyter_scale\n%scale quiet\nimport time\ndef nap(n):\n    time.sleep(0.1)\n    return n',
  '%%scale\nnaps = [nap(n) for n in range(10_000)]'
];

test('what the panel costs', async ({ lab, server }) => {
  test.setTimeout(120_000 + 6 * (1000 * SECONDS + SETTLE_MS));
  const session = await lab.page.context().newCDPSession(lab.page);
  const read = await follow(session, server.pid);
  await lab.open(`${server.url}/lab?reset&token=${server.token}`); // the socket, from its first frame
  const rows: string[] = [];
  const measure = async (name: string): Promise<void> => {
    await lab.page.waitForTimeout(SETTLE_MS);
    const before = await read();
    await lab.page.waitForTimeout(1000 * SECONDS);
    rows.push(row(name, before, await read(), SECONDS));
    console.log(rows.at(-1));
  };
  const measureBoth = async (name: string): Promise<void> => {
    await lab.openPanel();
    await measure(`${name}, panel shown`);
    await hide(lab);
    await measure(`${name}, panel hidden`);
  };

  await measureBoth('no cluster');
  await lab.startCluster();
  await measureBoth('idle cluster');
  await lab.openNotebook(CELLS);
  await lab.run(0);
  lab.run(1).catch(() => undefined); // it has no end
  await lab.openPanel();
  await expect(lab.section('runs').getByRole('progressbar')).toBeVisible({
    timeout: 60_000
  });
  await measureBoth('spreading run');
  console.log(['', ...HEAD, ...rows].join('\n'));
});

async function hide(lab: Lab): Promise<void> {
  await lab.execute('filebrowser:activate');
  await expect(lab.panel).toBeHidden();
}
