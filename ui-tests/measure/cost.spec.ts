/**
 * What the panel costs: the page's CPU time, the server's, and the feed's traffic. Nothing is asserted.
 *
 * The cell is quiet, so that its own progress bar costs nothing.
 */
import { readFileSync } from 'node:fs';

import type { CDPSession } from '@playwright/test';

import { expect, type Lab, test } from '../tests/lab';

test.use({ home: 'measure' });

const SECONDS = Number(process.env.MEASURE_S ?? 30);
const SETTLE_MS = 5000;
const CELLS = [
  '%load_ext jupyter_scale\n%scale quiet\nimport time\ndef nap(n):\n    time.sleep(0.1)\n    return n',
  '%%scale\nnaps = [nap(n) for n in range(10_000)]'
];

interface IReading {
  readonly browserS: number;
  readonly serverS: number;
  readonly bytes: number;
  readonly frames: number;
}

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
    rows.push(row(name, before, await read()));
    console.log(rows.at(-1));
  };
  const measureBoth = async (name: string): Promise<void> => {
    await lab.openPanel();
    await measure(`${name}, panel shown`);
    await hide(lab);
    await measure(`${name}, panel hidden`);
  };

  await measureBoth('no cluster');
  await lab.openPanel();
  await lab.panel
    .getByRole('button', { name: 'Start a cluster on this computer' })
    .click();
  await expect(lab.section('clusters').getByText(/^Up /)).toBeVisible({
    timeout: 60_000
  });
  await measureBoth('idle cluster');
  await lab.openNotebook(CELLS);
  await lab.run(0);
  lab.run(1).catch(() => undefined); // it has no end
  await lab.openPanel();
  await expect(lab.section('runs').getByRole('progressbar')).toBeVisible({
    timeout: 60_000
  });
  await measureBoth('spreading run');
  console.log(
    [
      '',
      '| state | socket B/s | frames/s | browser CPU % | server CPU % |',
      '| --- | --- | --- | --- | --- |',
      ...rows
    ].join('\n')
  );
});

async function hide(lab: Lab): Promise<void> {
  await lab.execute('filebrowser:activate');
  await expect(lab.panel).toBeHidden();
}

/** Count from now on; the function that comes back reads the counters. */
async function follow(
  session: CDPSession,
  pid: number
): Promise<() => Promise<IReading>> {
  const feeds = new Set<string>();
  let bytes = 0;
  let frames = 0;
  session.on('Network.webSocketCreated', ({ requestId, url }) => {
    if (url.includes('jupyter-scale/api/feed')) {
      feeds.add(requestId);
    }
  });
  session.on('Network.webSocketFrameReceived', ({ requestId, response }) => {
    if (feeds.has(requestId)) {
      bytes += response.payloadData.length;
      frames += 1;
    }
  });
  await session.send('Network.enable');
  await session.send('Performance.enable');
  return async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    const browserS = metrics.find(({ name }) => name === 'TaskDuration')?.value ?? NaN;
    return { browserS, serverS: cpuSeconds(pid), bytes, frames };
  };
}

/** The CPU time of a process without its children; Linux only, in ticks of 10 ms. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function row(name: string, before: IReading, after: IReading): string {
  const rate = (key: keyof IReading): number => (after[key] - before[key]) / SECONDS;
  return [
    `| ${name}`,
    rate('bytes').toFixed(0),
    rate('frames').toFixed(1),
    (100 * rate('browserS')).toFixed(1),
    `${(100 * rate('serverS')).toFixed(1)} |`
  ].join(' | ');
}
