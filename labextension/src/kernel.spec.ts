import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel } from '@jupyterlab/services';
import { Signal } from '@lumino/signaling';
import { describe, expect, it, test } from 'vitest';

import { hasPythonKernel, LOAD_CODE, MagicLoader } from './kernel';

const OK = { status: 'ok' };
const MISSING = {
  status: 'error',
  ename: 'ModuleNotFoundError',
  evalue: "No module named 'jupyter_scale'"
};

/** As much of a kernel as the loader uses: it answers from a list, and keeps what it was asked. */
class Kernelette {
  constructor(private readonly answers: unknown[]) {}

  readonly requests: { code: string; silent: boolean; store_history: boolean }[] = [];
  readonly statusChanged = new Signal<this, Kernel.Status>(this);
  readonly connection = this as unknown as Kernel.IKernelConnection;

  requestExecute(content: (typeof this.requests)[number]): { done: Promise<unknown> } {
    this.requests.push(content);
    const answer = this.answers.shift();
    return {
      done: answer
        ? Promise.resolve({ content: answer })
        : Promise.reject(new Error('gone'))
    };
  }
}

describe('MagicLoader', () => {
  it('loads silently, and once', async () => {
    const kernel = new Kernelette([OK, OK]);
    const loader = new MagicLoader();
    await Promise.all([
      loader.ensure(kernel.connection),
      loader.ensure(kernel.connection)
    ]);
    await loader.ensure(kernel.connection);
    expect(kernel.requests).toMatchObject([
      { code: LOAD_CODE, silent: true, store_history: false }
    ]);
  });

  it('asks before it returns', () => {
    const kernel = new Kernelette([OK]);
    void new MagicLoader().ensure(kernel.connection);
    expect(kernel.requests).toHaveLength(1);
  });

  it.each(['restarting', 'autorestarting'] as const)(
    'loads again after %s',
    async status => {
      const kernel = new Kernelette([OK, OK]);
      const loader = new MagicLoader();
      await loader.ensure(kernel.connection);
      kernel.statusChanged.emit(status);
      await loader.ensure(kernel.connection);
      expect(kernel.requests).toHaveLength(2);
    }
  );

  it('says why it failed, and tries again', async () => {
    const kernel = new Kernelette([MISSING, OK]);
    const loader = new MagicLoader();
    expect(await loader.ensure(kernel.connection)).toEqual({
      name: MISSING.ename,
      message: MISSING.evalue
    });
    expect(await loader.ensure(kernel.connection)).toBeNull();
    expect(kernel.requests).toHaveLength(2);
  });

  it('is silent about a kernel that is gone', async () => {
    const kernel = new Kernelette([]);
    expect(await new MagicLoader().ensure(kernel.connection)).toBeNull();
  });
});

test.each([
  ['python3', 'python', true],
  ['python3', 'Python', true],
  ['ir', 'R', false],
  ['unknown', undefined, false],
  [undefined, undefined, false]
])('kernel %j of language %j: %j', (name, language, expected) => {
  const context = {
    session: name ? { kernel: { name } } : null,
    specsManager: {
      specs: { kernelspecs: name && language ? { [name]: { language } } : {} }
    }
  };
  expect(hasPythonKernel(context as unknown as ISessionContext)).toBe(expected);
});
