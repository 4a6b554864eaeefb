import type { INotebookTracker } from '@jupyterlab/notebook';
import { Signal } from '@lumino/signaling';
import { beforeEach, describe, expect, it } from 'vitest';

import { FEED_VERSION, type IHolding } from './feed';
import { HoldingsModel } from './holdingsmodel';
import { aHolding } from './testing/views';

interface IAsked {
  readonly code: string;
  readonly value: string;
  readonly answer: (content: object) => void;
  readonly fail: () => void;
}

/** As much of a notebook and its kernel as the model uses; a test answers what it is asked. */
class Notebook {
  constructor(path: string) {
    this.session.kernel.id = `kernel of ${path}`;
    this.panel = { context: { path }, sessionContext: this };
  }

  readonly panel: object;
  readonly asked: IAsked[] = [];
  readonly statusChanged = new Signal<this, string>(this);
  readonly kernelChanged = new Signal<this, void>(this);
  readonly iopubMessage = new Signal<this, object>(this);
  readonly specsManager = {
    specs: { kernelspecs: { python3: { language: 'python' } } }
  };
  readonly session = {
    kernel: {
      id: '',
      name: 'python3',
      status: 'idle',
      requestExecute: ({ code, user_expressions: asked }: IRequest) => ({
        done: new Promise((resolve, reject) => {
          const answer = (content: object): void => resolve({ content });
          const value = asked?.value ?? '';
          this.asked.push({ code, value, answer, fail: () => reject(new Error('gone')) });
        })
      })
    }
  };

  setStatus(status: string): void {
    this.session.kernel.status = status;
    this.statusChanged.emit(status);
  }

  /** A cell of the user's, from its beginning to its end. */
  runCell(): void {
    this.beginCell();
    this.setStatus('idle');
  }

  beginCell(): void {
    this.setStatus('busy');
    this.iopubMessage.emit({ header: { msg_type: 'execute_input' } });
  }
}

interface IRequest {
  code: string;
  user_expressions?: { value: string };
}

function said(stamp: string, names: readonly IHolding[] | null): object {
  const json = { version: FEED_VERSION, stamp, cluster: 'local', names };
  return {
    status: 'ok',
    user_expressions: { value: { status: 'ok', data: { 'application/json': json } } }
  };
}

/** Let promises and timers of no time come. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    await new Promise(resolve => setTimeout(resolve, 0));
  }
}

describe('HoldingsModel', () => {
  let now: number;
  let notebook: Notebook;
  let tracker: { currentWidget: object | null; currentChanged: Signal<object, object> };
  let model: HoldingsModel;

  beforeEach(() => {
    now = 1000;
    notebook = new Notebook('a.ipynb');
    tracker = { currentWidget: notebook.panel, currentChanged: new Signal({}) };
    model = new HoldingsModel(tracker as unknown as INotebookTracker, () => now, 0);
  });

  async function know(names: readonly IHolding[], stamp = 'one'): Promise<void> {
    model.watch({}, true);
    await settle();
    notebook.asked.at(-1)?.answer(said(stamp, names));
    await settle();
  }

  it('asks nothing while nobody looks', async () => {
    tracker.currentChanged.emit({});
    notebook.runCell();
    await settle();
    expect(notebook.asked).toEqual([]);
    await know([]);
    model.watch({}, false);
    notebook.runCell();
    await settle();
    expect(notebook.asked).toHaveLength(1);
  });

  it('asks when it is seen again only if a cell ran meanwhile', async () => {
    await know([]);
    model.watch({}, false);
    model.watch({}, true);
    await settle();
    expect(notebook.asked).toHaveLength(1);
    model.watch({}, false);
    notebook.runCell();
    model.watch({}, true);
    await settle();
    expect(notebook.asked).toHaveLength(2);
  });

  it('shows what the kernel says, and of when', async () => {
    await know([aHolding('x')]);
    expect(model.notebook).toBe('a.ipynb');
    expect(model.known).toMatchObject({ cluster: 'local', at: 1000 });
    expect(model.known?.rows.map(({ name }) => name)).toEqual(['x']);
  });

  it('asks again after a cell, and keeps what is as it was', async () => {
    await know([aHolding('x')]);
    now = 1060;
    notebook.runCell();
    await settle();
    expect(notebook.asked.map(({ value }) => value.includes("held('one')"))).toEqual([
      false,
      true
    ]);
    notebook.asked.at(-1)?.answer(said('one', null));
    await settle();
    expect(model.known).toMatchObject({ at: 1060 });
    expect(model.known?.rows).toHaveLength(1);
  });

  it('does not ask because of its own question', async () => {
    await know([]);
    notebook.setStatus('busy');
    notebook.setStatus('idle');
    await settle();
    expect(notebook.asked).toHaveLength(1);
  });

  it('waits for a kernel that is busy, and says that it is', async () => {
    notebook.setStatus('busy');
    model.watch({}, true);
    await settle();
    expect(notebook.asked).toEqual([]);
    expect(model.isBusy).toBe(true);
    notebook.setStatus('idle');
    await settle();
    expect(notebook.asked).toHaveLength(1);
    expect(model.isBusy).toBe(false);
    notebook.beginCell();
    expect(model.isBusy).toBe(true);
    now += 7;
    expect(model.busyForS).toBe(7);
    notebook.setStatus('idle');
    expect(model.busyForS).toBe(0);
  });

  it('asks again when a failing cell took its question with it', async () => {
    model.watch({}, true);
    await settle();
    notebook.asked[0]?.answer({ status: 'aborted' });
    await settle();
    expect(notebook.asked).toHaveLength(2);
  });

  it('asks a kernel that was gone when it is heard of again', async () => {
    model.watch({}, true);
    await settle();
    notebook.asked[0]?.fail();
    await settle();
    expect(notebook.asked).toHaveLength(1);
    notebook.setStatus('idle');
    await settle();
    expect(notebook.asked).toHaveLength(2);
  });

  it('forgets what a kernel had that restarts', async () => {
    await know([aHolding('x')]);
    notebook.setStatus('restarting');
    expect(model.known).toBeNull();
    notebook.setStatus('idle');
    await settle();
    expect(notebook.asked.at(-1)?.value).toContain("held('')");
  });

  it.each([
    [{ status: 'error', ename: 'KeyError' }, 'unloaded'],
    [{ status: 'ok', data: { 'text/plain': 'None' } }, 'unloaded'],
    [{ status: 'error', ename: 'AttributeError' }, 'version'],
    [{ status: 'ok', data: { 'application/json': { version: -1 } } }, 'version']
  ] as const)('tells why a kernel says %j: %s', async (value, silence) => {
    model.watch({}, true);
    await settle();
    notebook.asked[0]?.answer({ status: 'ok', user_expressions: { value } });
    await settle();
    expect(model.silence).toBe(silence);
    expect(model.known).toBeNull();
  });

  it('turns to another notebook, and remembers the first', async () => {
    await know([aHolding('x')]);
    const other = new Notebook('b.ipynb');
    tracker.currentWidget = other.panel;
    tracker.currentChanged.emit({});
    await settle();
    expect([model.notebook, model.known]).toEqual(['b.ipynb', null]);
    expect(other.asked).toHaveLength(1);
    notebook.runCell();
    await settle();
    expect(notebook.asked).toHaveLength(1);
    other.asked[0]?.answer(said('two', []));
    tracker.currentWidget = notebook.panel;
    tracker.currentChanged.emit({});
    expect(model.known?.rows).toHaveLength(1);
    await settle();
    expect(notebook.asked).toHaveLength(2);
  });

  it('has the kernel carry out a line, and asks it then', async () => {
    await know([aHolding('x')]);
    const done = model.run('%scale free x');
    expect(notebook.asked.at(-1)?.code).toBe('%scale free x');
    notebook.asked.at(-1)?.answer({ status: 'ok' });
    await done;
    await settle();
    expect(notebook.asked).toHaveLength(3);
  });

  it('passes on what the kernel refuses', async () => {
    await know([aHolding('x')]);
    const done = model.run('%scale free y');
    const refusal = { status: 'error', ename: 'UsageError', evalue: 'no y' };
    notebook.asked.at(-1)?.answer(refusal);
    await expect(done).rejects.toThrow('no y');
  });

  it('has nothing to say without a notebook', () => {
    const without = new HoldingsModel(null, () => now);
    without.watch({}, true);
    expect([without.notebook, without.known, without.isBusy]).toEqual(['', null, false]);
  });
});
