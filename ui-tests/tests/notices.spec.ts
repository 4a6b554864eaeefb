/**
 * Notices: of cells that took long, and of what needs somebody, also where no panel is seen.
 */
import { aCluster, aLine, aRun } from '../../labextension/src/testing/views';
import { test } from '../fake/feed';
import { expect } from './lab';

const NOW = 1_790_000_000;

test('a long cell is told of once, where its notebook is not seen, and a click goes there', async ({
  fake,
  lab,
  page
}) => {
  const toasts = page.locator('.Toastify__toast');
  await lab.openNotebook(['a = 1', 'b = 2', 'c = 3']);
  const { path, ids } = await lab.notebook();
  const run = (id: string, seconds: number): ReturnType<typeof aRun> =>
    aRun(id, {
      notebook: path,
      cell_id: ids[2] ?? '',
      first_line: `c = ${id}`,
      started_at: NOW - seconds
    });
  const end = async (id: string, seconds: number): Promise<void> => {
    const changes = { status: 'done', ended_at: NOW } as const;
    fake.tell({ runs: [run(id, seconds)] });
    await expect(lab.statusItem).toContainText(/1 of 1 |busy/);
    fake.tell({ runs: [{ ...run(id, seconds), ...changes }] });
  };
  fake.show({ clusters: [aCluster('c')], sent_at: NOW });
  await expect(lab.statusItem).toContainText('1 node');
  await end('seen', 75);
  await lab.execute('launcher:create');
  await expect(lab.cell(2)).toHaveCount(0);
  await end('short', 59);
  await end('long', 75);
  await expect(toasts).toHaveText([/Done after 1 min 15 s: \[1\] c = long/]);
  await toasts.getByRole('button', { name: 'Go to the cell' }).click();
  await expect(lab.cell(2)).toHaveClass(/jp-mod-active/);
  expect((await lab.notebook()).path).toBe(path);
});

test('what needs somebody is told though the panel is hidden', async ({
  fake,
  lab,
  page
}) => {
  const toasts = page.locator('.Toastify__toast');
  await lab.execute('filebrowser:activate');
  await expect(lab.panel).toBeHidden();
  fake.show({ clusters: [aCluster('c')], sent_at: NOW });
  await expect(lab.statusItem).toContainText('1 node');
  const ending = {
    level: 'warning',
    text: 'nothing runs: it stops in 5 min',
    notice: 'ending',
    matter: 'ending c 1'
  } as const;
  const memory = {
    level: 'warning',
    node: 'gpu-1',
    source: 'scheduler',
    text: 'worker 1: has used more memory than it may: 1 task runs again',
    notice: 'memory',
    matter: 'memory c gpu-1 1'
  } as const;
  fake.tell({ log: [aLine(1, ending), aLine(2, memory), aLine(3, memory)] });
  await expect(toasts).toHaveCount(2);
  await expect(toasts.filter({ hasText: 'A worker of gpu-1 has used more' })).toHaveCount(
    1
  );
  const last = toasts.filter({
    hasText: 'Cluster "lab": nothing runs: it stops in 5 min'
  });
  await last.getByRole('button', { name: 'Show' }).click();
  await expect(lab.panel).toBeVisible();
});
