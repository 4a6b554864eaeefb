/**
 * What very many nodes cost: a thousand of them with eight GPUs each, and a run of 100,000 iterations,
 * made up by benchmarks/crowd.py, through the real server. Nothing is asserted.
 */
import { expect, test } from '../tests/lab';
import { Crowd } from './crowd';
import { follow, HEAD, row } from './meter';

test.use({ home: 'crowd' });

const NODES = process.env.MEASURE_NODES ?? '1000';
const SECONDS = Number(process.env.MEASURE_S ?? 30);
const SETTLE_MS = 8000;

/** What Chromium traces of each task of the page. */
const TASKS = 'disabled-by-default-devtools.timeline';

/** One event of a trace, in microseconds of its thread. */
interface ITraceEvent {
  readonly name: string;
  readonly tdur?: number;
}

test('what a thousand nodes cost', async ({ browser, lab, server }) => {
  test.setTimeout(180_000 + 4 * (1000 * SECONDS + SETTLE_MS));
  const crowd = await Crowd.start(server, NODES);
  try {
    const session = await lab.page.context().newCDPSession(lab.page);
    const read = await follow(session, server.pid);
    await lab.open(`${server.url}/lab?reset&token=${server.token}`);
    const rows: string[] = [];
    const measure = async (name: string): Promise<void> => {
      await lab.page.waitForTimeout(SETTLE_MS);
      const before = await read();
      await lab.page.waitForTimeout(1000 * SECONDS);
      rows.push(row(name, before, await read(), SECONDS));
      console.log(rows.at(-1));
    };
    await lab.openPanel();
    await lab.setPanelWidth(320);
    await expect(lab.section('nodes').getByRole('meter').first()).toBeVisible({
      timeout: 60_000
    });
    await measure(`${NODES} nodes, cards`);
    await lab.setPanelWidth(600);
    await measure(`${NODES} nodes, table`);
    await lab.screenshot('measure-crowd');
    await lab.execute('filebrowser:activate');
    await measure(`${NODES} nodes, hidden`);
    await lab.openPanel();
    await browser.startTracing(lab.page, { categories: [TASKS] }); // last: it costs, too
    await lab.page.waitForTimeout(10_000);
    console.log(describeTasks(await browser.stopTracing()));
    console.log(['', ...HEAD, ...rows].join('\n'));
  } finally {
    await crowd.end();
  }
});

/** The page's tasks, in time of its thread: this machine may be busy with other things. */
function describeTasks(trace: Buffer): string {
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: ITraceEvent[] };
  const times = traceEvents
    .filter(({ name }) => name === 'RunTask')
    .map(({ tdur = 0 }) => tdur / 1000)
    .sort((a, b) => a - b);
  const long = times.filter(time => time > 16);
  return [
    `tasks of the page in 10 s: ${times.length}, over 16 ms ${long.length}`,
    `longest ${(times.at(-1) ?? 0).toFixed(1)} ms`
  ].join(', ');
}
