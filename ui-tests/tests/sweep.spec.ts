/**
 * A sweep over very many configurations: its progress is seen, and the browser is not held up.
 */
import { expect, test } from './lab';

const CONFIGURATIONS = 131_072;

/** No task of the page may keep its user waiting for longer, where it has a processor. */
const LONGEST_MS = 200;

/** What Chromium traces of each task of the page. */
const TASKS = 'disabled-by-default-devtools.timeline';

/** It takes a tenth of a millisecond and hardly any processor time, however busy the machine is. */
const CELLS = [
  '%load_ext jupyter_scale',
  `import time
def objective(config):
    time.sleep(5e-5)
    return config % 16 * (config // 16)
configs = list(range(${CONFIGURATIONS}))`,
  '%%scale\nresults = [objective(c) for c in configs]',
  'len(results), results[77] == objective(77)'
];
const [LOAD, DEFINE, SWEEP, RESULT] = [0, 1, 2, 3] as const;

/** What the page notes about itself. */
interface INotingWindow {
  scaleNotes: { longTasks: number[]; texts: string[]; rows: string[] };
}

/** One event of a trace, in microseconds: on a clock, and of its thread. */
interface ITraceEvent {
  readonly name: string;
  readonly dur?: number;
  readonly tdur?: number;
}

test('a sweep of 131,072 configurations is live in the cell and in the panel', async ({
  browser,
  lab
}) => {
  test.setTimeout(180_000);
  await lab.openPanel();
  await lab.setPanelWidth(320);
  await lab.openNotebook(CELLS);
  await lab.run(LOAD);
  await lab.run(DEFINE);
  await lab.page.evaluate(noteWhatHappens);
  await browser.startTracing(lab.page, { categories: [TASKS] });
  const begun = Date.now();
  const swept = lab.run(SWEEP);
  const bar = lab.section('runs').getByRole('progressbar');
  await expect(bar).toHaveAttribute('aria-valuemax', String(CONFIGURATIONS), {
    timeout: 60_000
  });
  await expect
    .poll(async () => Number(await bar.getAttribute('aria-valuenow')), {
      timeout: 60_000
    })
    .toBeGreaterThan(CONFIGURATIONS / 5);
  await lab.screenshot('panel-sweep');
  await swept;
  const seconds = (Date.now() - begun) / 1000;
  const longestOwn = longestTask(await browser.stopTracing());
  const { longTasks, texts, rows } = await lab.page.evaluate(
    () => (window as unknown as INotingWindow).scaleNotes
  );
  const longest = Math.max(0, ...longTasks);
  console.log(
    `${seconds.toFixed(1)} s; the cell told its progress ${texts.length} times, the panel`,
    `${rows.length} times; ${longTasks.length} long tasks, the longest ${longest.toFixed(0)} ms,`,
    `or of its thread's time ${longestOwn.toFixed(0)} ms`
  );
  await expect(await lab.run(RESULT)).toHaveText(`(${CONFIGURATIONS}, True)`);
  expect(texts.length).toBeGreaterThan(4);
  expect(rows.length).toBeGreaterThan(4);
  expect(longestOwn).toBeGreaterThan(0);
  expect(longestOwn).toBeLessThan(LONGEST_MS);
});

/** The longest task in milliseconds of its thread: this machine may be busy with other things. */
function longestTask(trace: Buffer): number {
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: ITraceEvent[] };
  const tasks = traceEvents.filter(({ name }) => name === 'RunTask');
  return tasks.reduce((most, { tdur = 0 }) => Math.max(most, tdur), 0) / 1000;
}

/** In the page: note its long tasks, and each new text of the two progress bars. */
function noteWhatHappens(): void {
  const notes = { longTasks: [], texts: [], rows: [] } as INotingWindow['scaleNotes'];
  (window as unknown as INotingWindow).scaleNotes = notes;
  new PerformanceObserver(list => {
    notes.longTasks.push(...list.getEntries().map(({ duration }) => duration));
  }).observe({ entryTypes: ['longtask'] });
  const note = (texts: string[], selector: string): void => {
    const text = document.querySelector(selector)?.textContent ?? '';
    if (/\d/.test(text) && texts.at(-1) !== text) {
      texts.push(text);
    }
  };
  setInterval(() => {
    note(notes.texts, '.jp-CodeCell .widget-hbox');
    note(notes.rows, '.jp-scale-Loop .jp-scale-Aside');
  }, 100);
}
