/**
 * Whether memory stays flat: the page's heap after a collection and the server's memory, each minute of
 * an hour in which a thousand nodes tell of themselves and a cell runs every half minute. Nothing is
 * asserted; it is measured when `MEASURE_MIN` says how long.
 */
import { readFileSync } from 'node:fs';

import { expect, test } from '../tests/lab';
import { Crowd } from './crowd';

test.use({ home: 'crowd' });

const MINUTES = Number(process.env.MEASURE_MIN ?? 0);
const NODES = process.env.MEASURE_NODES ?? '1000';
const ITERATIONS = '3000';
const MIB = 1 << 20;

test('memory over an hour', async ({ lab, server }) => {
  test.skip(MINUTES === 0, 'MEASURE_MIN=60 takes an hour');
  test.setTimeout((MINUTES + 3) * 60_000);
  const crowd = await Crowd.start(server, NODES, ITERATIONS);
  try {
    const session = await lab.page.context().newCDPSession(lab.page);
    await lab.openPanel();
    await lab.setPanelWidth(320);
    const nodes = lab.section('nodes');
    await expect(nodes.getByRole('meter').first()).toBeVisible({ timeout: 60_000 });
    await nodes.getByRole('button', { name: 'node-0', exact: true }).click();
    console.log('| minute | page, MiB | DOM nodes | listeners | server, MiB |');
    console.log('| ---: | ---: | ---: | ---: | ---: |');
    for (let minute = 0; minute <= MINUTES; minute++) {
      await session.send('HeapProfiler.collectGarbage');
      const { usedSize } = await session.send('Runtime.getHeapUsage');
      const counters = await session.send('Memory.getDOMCounters');
      const cells = [
        minute,
        (usedSize / MIB).toFixed(1),
        counters.nodes,
        counters.jsEventListeners,
        (residentBytes(server.pid) / MIB).toFixed(0)
      ];
      console.log(`| ${cells.join(' | ')} |`);
      await lab.page.waitForTimeout(60_000);
    }
    await lab.screenshot('measure-memory');
  } finally {
    await crowd.end();
  }
});

/** The memory of a process; Linux only. */
function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(
    readFileSync(`/proc/${pid}/status`, 'utf8')
  );
  return 1024 * Number(kilobytes?.[1]);
}
