/**
 * A JupyterLab for each test file, and a page object that drives it.
 *
 * Text is put into cells through the application, not by typing: a new notebook's editor may lose
 * keystrokes while it settles.
 */
import { mkdirSync } from 'node:fs';

import { expect, type Locator, type Page, test as playwright } from '@playwright/test';

import { LabServer } from './labserver';
import { within } from './within';

const RESULTS = 'test-results';

/** The part of the application's programming interface that the tests use. */
interface ILabWindow {
  jupyterapp: {
    started: Promise<void>;
    restored: Promise<void>;
    commands: {
      execute(id: string, args?: object): Promise<unknown>;
      isEnabled(id: string): boolean;
      isToggled(id: string): boolean;
    };
    shell: { currentWidget: INotebookPanel | null };
    serviceManager: {
      settings: { fetch(plugin: string): Promise<{ readonly raw: string }> };
    };
  };
}

interface INotebookPanel {
  context: {
    path: string;
    contentsModel: { hash?: string } | null;
    save(): Promise<void>;
  };
  sessionContext: { ready: Promise<void>; session: { kernel: IKernel | null } | null };
  content: INotebook;
}

interface IKernel {
  info: Promise<unknown>;
}

interface INotebook {
  activeCellIndex: number;
  widgets: { model: { id: string; sharedModel: ISharedCell } }[];
  model: { sharedModel: { insertCell(index: number, cell: object): void } } | null;
}

interface ISharedCell {
  getSource(): string;
  setSource(source: string): void;
}

/** The themes that JupyterLab has. */
export const THEMES = ['Light', 'Dark', 'Dark High Contrast'] as const;
export type Theme = (typeof THEMES)[number];

/** So long what is asked of the application may take; a cell may have its cluster to start. */
const ASKED_MS = 30_000;
const CELL_MS = 90_000;

/** The notebook in front, driven through the application. */
export class Lab {
  constructor(readonly page: Page) {}

  /** The same application in another page. */
  on(page: Page): Lab {
    return new Lab(page);
  }

  /** Load JupyterLab, and wait until it is ready. */
  async open(url: string): Promise<void> {
    await this.page.goto(url);
    await this.page.waitForFunction(() => 'jupyterapp' in window);
    const restored = this.page.evaluate(async () => {
      const { jupyterapp: app } = window as unknown as ILabWindow;
      await app.started;
      await app.restored;
    });
    await within(ASKED_MS, 'JupyterLab is ready', restored);
  }

  /** Make a new notebook whose cells have these sources, with a kernel that is ready. */
  async openNotebook(sources: readonly string[]): Promise<void> {
    const made = this.page.evaluate(async texts => {
      const { jupyterapp: app } = window as unknown as ILabWindow;
      await app.commands.execute('notebook:create-new', { kernelName: 'python3' });
      const panel = app.shell.currentWidget;
      if (!panel) {
        throw new Error('no notebook in front');
      }
      await panel.sessionContext.ready;
      await panel.sessionContext.session?.kernel?.info;
      const cells = panel.content.model?.sharedModel;
      texts.forEach((source, index) => {
        cells?.insertCell(index, { cell_type: 'code', source });
      });
      panel.content.activeCellIndex = 0;
    }, sources);
    await within(ASKED_MS, 'a notebook with a kernel', made);
    await expect(this.cell(0)).toBeVisible();
  }

  /** The text of a cell. */
  async source(index: number): Promise<string | undefined> {
    return this.page.evaluate(i => {
      const { shell } = (window as unknown as ILabWindow).jupyterapp;
      return shell.currentWidget?.content.widgets[i]?.model.sharedModel.getSource();
    }, index);
  }

  /** The path of the notebook in front, and the ids of its cells. */
  async notebook(): Promise<{ path: string; ids: string[] }> {
    return this.page.evaluate(() => {
      const panel = (window as unknown as ILabWindow).jupyterapp.shell.currentWidget;
      return {
        path: panel?.context.path ?? '',
        ids: panel?.content.widgets.map(({ model }) => model.id) ?? []
      };
    });
  }

  /** Save the notebook in front; return its path. */
  async save(): Promise<string> {
    const saved = this.page.evaluate(async () => {
      const panel = (window as unknown as ILabWindow).jupyterapp.shell.currentWidget;
      await panel?.context.save();
      return panel?.context.path ?? '';
    });
    return within(ASKED_MS, 'the notebook is saved', saved);
  }

  /** Which state of its file the notebook in front takes for the newest. */
  async fileHash(): Promise<string | undefined> {
    return this.page.evaluate(() => {
      const panel = (window as unknown as ILabWindow).jupyterapp.shell.currentWidget;
      return panel?.context.contentsModel?.hash;
    });
  }

  /** Make a cell the active one. */
  async select(index: number): Promise<void> {
    await this.page.evaluate(i => {
      const { shell } = (window as unknown as ILabWindow).jupyterapp;
      if (shell.currentWidget) {
        shell.currentWidget.content.activeCellIndex = i;
      }
    }, index);
  }

  /** Run a cell to its end; the result is its output area. */
  async run(index: number): Promise<Locator> {
    await this.select(index);
    await this.execute('notebook:run-cell', {}, CELL_MS);
    return this.cell(index).locator('.jp-OutputArea-output');
  }

  /** Perform a command, and wait until it is done. */
  async execute(command: string, args: object = {}, atMostMs = ASKED_MS): Promise<void> {
    const done = this.page.evaluate(
      async ([id, values]) => {
        await (window as unknown as ILabWindow).jupyterapp.commands.execute(id, values);
      },
      [command, args] as const
    );
    await within(atMostMs, command, done);
  }

  /** A setting, as the server has saved it. */
  async setting(name: string, plugin = 'jupyter-scale:panel'): Promise<unknown> {
    return this.page.evaluate(
      async ([key, id]) => {
        const { serviceManager } = (window as unknown as ILabWindow).jupyterapp;
        const { raw } = await serviceManager.settings.fetch(id);
        const line = new RegExp(`"${key}":\\s*([^,\\n}]+)`).exec(raw);
        return line?.[1] === undefined ? null : (JSON.parse(line[1]) as unknown);
      },
      [name, plugin] as const
    );
  }

  cell(index: number): Locator {
    return this.page.locator('.jp-NotebookPanel:visible .jp-CodeCell').nth(index);
  }

  /** A button of the notebook's toolbar, by its command. */
  toolbarButton(command: string): Locator {
    return this.page.locator(
      `.jp-NotebookPanel:visible .jp-Toolbar [data-command="${command}"]`
    );
  }

  /** The side panel. */
  get panel(): Locator {
    return this.page.locator('#jupyter-scale-panel');
  }

  /** A section of the side panel: `clusters`, `nodes` or `runs`. */
  section(name: string): Locator {
    return this.panel.locator(`.jp-scale-Section.jp-scale-mod-${name}`);
  }

  /** The page of a node that is in front. */
  get nodePage(): Locator {
    return this.page.locator('.jp-scale-NodePage:visible');
  }

  /** The words in the status bar. */
  get statusItem(): Locator {
    return this.page.locator('#jp-main-statusbar').getByText(/^%%scale/);
  }

  async openPanel(): Promise<void> {
    await this.execute('jupyter-scale:open-panel');
    await expect(this.panel).toBeVisible();
  }

  /** Have one section of the panel open, and no other. */
  async unfold(section: string): Promise<void> {
    const titles = this.panel.locator('.lm-AccordionPanel-title');
    for (const title of await titles.all()) {
      const isWanted = (await title.textContent())?.toLowerCase().includes(section);
      if ((await title.getAttribute('aria-expanded')) !== String(isWanted)) {
        await title.locator('.lm-AccordionPanel-titleLabel').click();
        await expect(title).toHaveAttribute('aria-expanded', String(isWanted));
      }
    }
  }

  /** Show the panel, and start a cluster in it unless there is one. */
  async startCluster(): Promise<void> {
    await this.openPanel();
    const start = this.panel.getByRole('button', {
      name: 'Start a cluster on this computer'
    });
    const isUp = this.section('clusters').getByText(/^Up /);
    await expect(start.or(isUp).first()).toBeVisible();
    if ((await isUp.count()) === 0) {
      await start.click();
    }
    await expect(isUp).toBeVisible({ timeout: 60_000 });
  }

  /** Stop the only cluster, after what is lost was said. */
  async stopCluster(): Promise<void> {
    await this.panel.getByRole('button', { name: 'Stop the cluster' }).click();
    await this.page
      .locator('.jp-Dialog')
      .getByRole('button', { name: 'Stop Cluster' })
      .click();
  }

  /** Drag the edge of the left area until the panel is that wide. */
  async setPanelWidth(width: number): Promise<void> {
    const { mouse } = this.page;
    await expect(async () => {
      const box = await this.panel.boundingBox();
      if (!box) {
        throw new Error('the panel is not to be seen');
      }
      const y = box.y + box.height / 2;
      await mouse.move(box.x + box.width + 2, y);
      await mouse.down();
      await mouse.move(box.x + width + 2, y, { steps: 4 });
      await mouse.up();
      expect(Math.round((await this.panel.boundingBox())?.width ?? 0)).toBe(width);
    }).toPass();
  }

  async setTheme(theme: Theme): Promise<void> {
    await this.execute('apputils:change-theme', { theme: `JupyterLab ${theme}` });
    await expect(this.page.locator('body')).toHaveAttribute(
      'data-jp-theme-light',
      String(theme === 'Light')
    );
  }

  /** Keep a picture in test-results. */
  async screenshot(name: string): Promise<void> {
    await this.page.screenshot({
      path: `${RESULTS}/${name}.png`,
      animations: 'disabled'
    });
  }
}

interface IWorkerFixtures {
  /** Files that name different homes have different servers: `test.use({ home: 'my own' })`. */
  readonly home: string;
  /** The path below which the server is. */
  readonly base: string;
  readonly server: LabServer;
}

export const test = playwright.extend<{ lab: Lab }, IWorkerFixtures>({
  home: ['shared', { option: true, scope: 'worker' }],
  base: ['/', { option: true, scope: 'worker' }],
  server: [
    async ({ home, base }, use, info) => {
      mkdirSync(RESULTS, { recursive: true });
      const log = `${RESULTS}/server-${home}-${info.workerIndex}.log`;
      const server = new LabServer(log, undefined, base);
      await server.start();
      await use(server);
      await server.end();
    },
    { scope: 'worker', timeout: 90_000 }
  ],
  lab: async ({ page, server }, use) => {
    const lab = new Lab(page);
    await lab.open(`${server.url}/lab?reset&token=${server.token}`);
    await use(lab);
  }
});

export { expect };
