/**
 * A cluster of two machines with a real sshd: chosen, started, used and stopped in the panel.
 */
import { expect, type Lab, test as base } from './lab';
import { type IPlace, Machines } from './machines';

const test = base.extend<object, { machines: IPlace }>({
  machines: [
    async ({ home, server }, use) => {
      const machines = new Machines(2, `test-results/machines-${home}.log`);
      const place = await machines.start();
      if (typeof place === 'string') {
        if (process.env.CI) {
          throw new Error(`the machines' test cannot run: ${place}`);
        }
        base.skip(true, `no machines here: ${place}`);
      } else {
        server.writeProfiles(profileOf(place));
        await expect.poll(() => server.profiles()).toContain('lab'); // so will the page
        await use(place);
      }
      await machines.end();
    },
    { scope: 'worker', timeout: 60_000 }
  ]
});

test.use({ home: 'machines' }); // its clusters are this file's alone

const NAPS = 60;
const CELLS = [
  '%load_ext jupyter_scale',
  `import socket, time\ndef nap(n):\n    time.sleep(0.25)\n    return socket.gethostname()`,
  `%%scale\nwhere = [nap(n) for n in range(${NAPS})]`,
  'sorted(set(where))'
];
const [LOAD, DEFINE, SPREAD, RESULT] = [0, 1, 2, 3] as const;

test('two machines, from the list of profiles to their end', async ({
  machines,
  lab
}) => {
  test.setTimeout(150_000);
  const clusters = lab.section('clusters');
  const nodes = lab.section('nodes');

  await lab.openPanel();
  await lab.setPanelWidth(280);
  await lab.panel.getByRole('button', { name: 'Start a Cluster', exact: true }).click();
  const dialog = lab.page.locator('.jp-Dialog');
  await dialog.locator('select').selectOption('lab');
  await dialog.locator('.jp-mod-accept').click();

  const start = clusters.getByRole('list', { name: 'Machines of the start' });
  for (const host of machines.hosts) {
    await expect(start.getByRole('listitem').filter({ hasText: host })).toContainText(
      /checking|bringing|making|prepared|starting|ready/
    );
  }
  await takePictures(lab, 'panel-ssh-starting');
  await expect(clusters.getByText(/^Up /)).toBeVisible({ timeout: 60_000 });
  await expect(nodes.getByRole('heading', { level: 4 })).toHaveText([
    'first1 node',
    'second1 node'
  ]);
  for (const host of machines.hosts) {
    const node = nodes.getByRole('listitem', { name: host, exact: true });
    await expect(node.getByRole('img', { name: 'Running' })).toBeVisible();
    await expect(node.getByRole('meter', { name: 'CPU' })).toBeVisible();
    await expect(node).toContainText('0 of 1 worker busy');
    await expect(node).toContainText(/B\/s in, .*B\/s out/);
  }

  await lab.openNotebook(CELLS);
  await lab.run(LOAD);
  await lab.run(DEFINE);
  const spread = lab.run(SPREAD);
  const bar = lab.section('runs').getByRole('progressbar');
  await expect
    .poll(async () => Number(await bar.getAttribute('aria-valuenow')), {
      timeout: 60_000
    })
    .toBeGreaterThan(4);
  await takePictures(lab, 'panel-ssh-working', nodes.getByRole('meter').first());
  await spread;
  await expect(await lab.run(RESULT)).toHaveText(
    `[${machines.hosts.map(host => `'${host}'`).join(', ')}]`
  );

  const [host = ''] = machines.hosts;
  await nodes.getByRole('button', { name: host, exact: true }).click();
  await expect(lab.nodePage.getByRole('heading', { level: 2 })).toContainText(host);
  await expect(lab.nodePage.locator('code').first()).toContainText(
    `ssh -F ${machines.ssh_config} ${host}`
  );
  await lab.nodePage.getByLabel('Log of').selectOption('worker/0');
  await expect(lab.nodePage.getByRole('log')).toContainText(/distributed|Nothing so far/);
  await expect(lab.nodePage).toContainText('This node has no GPU');
  await takePictures(lab, 'page-ssh', lab.nodePage);

  await expect(lab.statusItem).toHaveText('%%scale: 2 nodes, idle');
  await lab.stopCluster();
  await expect(lab.statusItem).toHaveText('%%scale: no cluster', { timeout: 60_000 });
  await expect(
    lab.panel.getByRole('button', { name: 'Start a cluster on this computer' })
  ).toBeVisible({ timeout: 60_000 });
  await takePictures(lab, 'panel-ssh-stopped');
});
/** One in each theme; what goes on may have gone on in the second. */
async function takePictures(lab: Lab, name: string, shown = lab.panel): Promise<void> {
  for (const theme of ['Dark', 'Light'] as const) {
    await lab.setTheme(theme); // it hides the panel for a moment, and nobody watches loads then
    await expect(shown).toBeVisible();
    await lab.screenshot(`${name}-${theme.toLowerCase()}`);
  }
}

/** A profile with a pool for each host. */
function profileOf({ hosts, ssh_config: config, python }: IPlace): string {
  const pools = hosts.map(
    (host, index) => `[[clusters.lab.pools]]
name = "${['first', 'second'][index] ?? host}"
hosts = ["${host}"]
workers = 1
python = "${python}"
`
  );
  return `[clusters.lab]
provider = "ssh"
ssh_config = "${config}"
${pools.join('')}`;
}
