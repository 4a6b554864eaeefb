/**
 * What failed cells were at, and loops that are stopped by themselves; the feed is a fake.
 */
import { aCluster, aLoop, anInput, aRun } from '../../labextension/src/testing/views';
import { test } from '../fake/feed';
import { findViolations } from './axe';
import { expect } from './lab';

const ERROR = 'ZeroDivisionError: division by zero';

function aFailure(index: number, values: readonly string[], at: number | null) {
  return aRun(`failed-${index}`, {
    cluster: 'a',
    status: 'failed',
    first_line: 'scores = [fit(alpha, fold) for alpha in alphas]',
    execution_count: 3 + index,
    started_at: 900 + index,
    ended_at: 903 + index,
    error: ERROR,
    traceback: `Cell In[3], line 2\n----> 1 / alpha\n\n${ERROR}`,
    inputs: [anInput({ values, index: at })]
  });
}

test('a failure shows with what it failed, in each theme and width', async ({
  fake,
  lab
}) => {
  await lab.openPanel();
  const runs = lab.section('runs');
  const row = {
    ...aFailure(9, [], null),
    error: "KeyError: 'weight'",
    traceback: '',
    inputs: [
      anInput({
        values: ["row = {'id': 7, 'name': 'a station with a long name'}"],
        index: 2
      }),
      anInput({ values: ['X = <DataFrame (1347, 64)>', 'fold = 4'], index: 1 })
    ]
  };
  const call = {
    ...aFailure(8, [], null),
    error: 'ValueError: no such model',
    traceback: '',
    inputs: [
      anInput({
        call: 'score',
        values: ['model = <sklearn SVC>, X = <ndarray float64 (9, 2)>']
      })
    ]
  };
  fake.show({
    clusters: [aCluster('a')],
    runs: [
      ...[0.1, 0.2, 0.2].map((alpha, index) =>
        aFailure(index, [`alpha = ${alpha}`, 'fold = 2'], 30 + index)
      ),
      row,
      call
    ]
  });
  const failure = runs.getByRole('listitem').filter({ hasText: ERROR });
  await expect(failure.getByText('× 3')).toBeVisible();
  const lines = failure
    .getByRole('list', { name: 'What it was at' })
    .getByRole('listitem');
  await expect(lines).toHaveText([
    'withalpha = 0.2, fold = 2iteration 32',
    'withalpha = 0.2, fold = 2iteration 31',
    'withalpha = 0.1, fold = 2iteration 30'
  ]);
  await expect(runs.getByText('score(model = <sklearn SVC>')).toBeVisible();
  for (const theme of ['Dark', 'Light'] as const) {
    await lab.setTheme(theme);
    for (const width of [280, 600]) {
      await lab.setPanelWidth(width);
      await lab.screenshot(`failures-${theme.toLowerCase()}-${width}`);
    }
    expect(await findViolations(lab, '#jupyter-scale-panel')).toEqual([]);
  }
  await failure.locator('summary').click();
  await expect(failure.getByText('----> 1 / alpha')).toBeVisible();
  await lab.screenshot('failures-unfolded');
});

test('each loop that goes on has a stop button; a late click says so', async ({
  fake,
  lab
}) => {
  await lab.openPanel();
  const runs = lab.section('runs');
  const first = aLoop({ line: 2, number: 4, done: 71, total: 1000, failed: 1 });
  const pool = aLoop({ line: 9, number: 0 });
  fake.show({
    clusters: [aCluster('a')],
    runs: [aRun('r', { first_line: 'try:', loops: [first, pool] })]
  });
  const stop = runs.getByRole('button', { name: /^Stop the loop in line / });
  await expect(stop).toHaveCount(1);
  await expect(stop).toHaveAttribute(
    'title',
    'Stop the loop in line 2: raises KeyboardInterrupt in it'
  );
  for (const theme of ['Dark', 'Light'] as const) {
    await lab.setTheme(theme);
    for (const width of [280, 600]) {
      await lab.setPanelWidth(width);
      await lab.screenshot(`loops-${theme.toLowerCase()}-${width}`);
    }
    expect(await findViolations(lab, '#jupyter-scale-panel')).toEqual([]);
  }
  fake.answers['POST runs/r/loops/4/stop'] = { status: 'stopped' };
  await stop.click();
  await expect.poll(() => fake.asked.at(-1)).toBe('POST runs/r/loops/4/stop');
  const second = aLoop({ line: 5, number: 5 });
  fake.tell({
    loops: [{ run: 'r', loops: [{ ...first, is_over: true, running: 0 }, second] }]
  });
  await expect(stop).toHaveAttribute('title', /^Stop the loop in line 5:/);
  fake.answers['POST runs/r/loops/5/stop'] = { status: 'late' };
  await stop.click();
  await expect(
    lab.page.getByText('The loop in line 5 had ended: nothing was stopped.').first()
  ).toBeVisible();
  expect(fake.asked.filter(asked => asked.startsWith('POST'))).toEqual([
    'POST runs/r/loops/4/stop',
    'POST runs/r/loops/5/stop'
  ]);
});
