/**
 * What a page costs: its CPU time, its server's, and the feed's traffic, read from the browser and
 * the system.
 */
import { readFileSync } from 'node:fs';

import type { CDPSession } from '@playwright/test';

/** Counters since some moment. */
export interface IReading {
  readonly browserS: number;
  readonly serverS: number;
  readonly bytes: number;
  readonly frames: number;
}

/**
 * Count from now on; the function that comes back reads the counters.
 *
 * `socket` is what the addresses of the sockets have in them that count.
 */
export async function follow(
  session: CDPSession,
  pid: number,
  socket = /jupyter-scale\/api\/feed/
): Promise<() => Promise<IReading>> {
  const feeds = new Set<string>();
  let bytes = 0;
  let frames = 0;
  session.on('Network.webSocketCreated', ({ requestId, url }) => {
    if (socket.test(url)) {
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

/** What a span of time has cost, as a row of a table: see `HEAD`. */
export function row(
  name: string,
  before: IReading,
  after: IReading,
  seconds: number
): string {
  const rate = (key: keyof IReading): number => (after[key] - before[key]) / seconds;
  return [
    `| ${name}`,
    rate('bytes').toFixed(0),
    rate('frames').toFixed(1),
    (100 * rate('browserS')).toFixed(1),
    `${(100 * rate('serverS')).toFixed(1)} |`
  ].join(' | ');
}

/** The head of a table of rows. */
export const HEAD = [
  '| state | socket B/s | frames/s | browser CPU % | server CPU % |',
  '| --- | --- | --- | --- | --- |'
];
