/**
 * What the notebook's kernel is, and whether it knows the magic.
 */
import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel } from '@jupyterlab/services';

/** Makes the magic known to a kernel. */
export const LOAD_CODE = '%load_ext jupyter_scale';

/** Whether the session has a kernel, and its language is Python. */
export function hasPythonKernel(context: ISessionContext): boolean {
  const name = context.session?.kernel?.name;
  if (!name) {
    return false;
  }
  const language = context.specsManager.specs?.kernelspecs[name]?.language;
  return language?.toLowerCase() === 'python';
}

/** Why code of ours failed in a kernel. */
export interface ILoadFailure {
  /** The exception's class, for instance `ModuleNotFoundError`. */
  readonly name: string;
  readonly message: string;
}

/**
 * Run code of ours in a kernel, after what it has to do already; the notebook shows nothing of it.
 *
 * @returns what it raised, without a name when it was given up; null when all went well.
 */
export async function runSilently(
  kernel: Kernel.IKernelConnection,
  code: string
): Promise<ILoadFailure | null> {
  const future = kernel.requestExecute({
    code,
    silent: true,
    store_history: false,
    allow_stdin: false,
    stop_on_error: false
  });
  const { content } = await future.done;
  if (content.status === 'ok') {
    return null;
  }
  return content.status === 'error'
    ? { name: content.ename, message: content.evalue }
    : { name: '', message: '' };
}

/** What an expression's value shows itself as in JSON, null if it does not; or what it raised. */
export interface IAnswer {
  readonly json: unknown;
  /** The exception's class; empty when there was none. */
  readonly error: string;
}

/**
 * Evaluate an expression of ours in a kernel, after what it has to do already.
 *
 * @returns null when it was given up, because a cell before it has failed.
 */
export async function evaluate(
  kernel: Kernel.IKernelConnection,
  expression: string
): Promise<IAnswer | null> {
  const future = kernel.requestExecute({
    code: '',
    silent: true,
    store_history: false,
    user_expressions: { value: expression },
    allow_stdin: false,
    stop_on_error: false
  });
  const { content } = await future.done;
  if (content.status !== 'ok') {
    return null;
  }
  const value = (content.user_expressions.value ?? {}) as {
    readonly data?: Record<string, unknown>;
    readonly ename?: string;
  };
  return { json: value.data?.['application/json'] ?? null, error: value.ename ?? '' };
}

/** Loads the extension into kernels, once in the life of each. */
export class MagicLoader {
  /**
   * Load the extension unless this kernel has it.
   *
   * The request is sent before this returns, so that what is sent next finds the magic.
   *
   * @returns why it failed, or null.
   */
  ensure(kernel: Kernel.IKernelConnection): Promise<ILoadFailure | null> {
    let loading = this._loading.get(kernel);
    if (!loading) {
      this._watch(kernel);
      loading = this._load(kernel);
      this._loading.set(kernel, loading);
    }
    return loading;
  }

  private async _load(kernel: Kernel.IKernelConnection): Promise<ILoadFailure | null> {
    try {
      const failure = await runSilently(kernel, LOAD_CODE);
      if (failure) {
        this._loading.delete(kernel);
      }
      return failure?.name ? failure : null;
    } catch {
      // The kernel died, restarted or is not reachable: JupyterLab says so itself.
      this._loading.delete(kernel);
      return null;
    }
  }

  /** Forget a kernel that restarts: it has a new namespace. */
  private _watch(kernel: Kernel.IKernelConnection): void {
    if (this._watched.has(kernel)) {
      return;
    }
    this._watched.add(kernel);
    kernel.statusChanged.connect((_, status) => {
      if (status === 'restarting' || status === 'autorestarting') {
        this._loading.delete(kernel);
      }
    });
  }

  private readonly _loading = new WeakMap<
    Kernel.IKernelConnection,
    Promise<ILoadFailure | null>
  >();
  private readonly _watched = new WeakSet<Kernel.IKernelConnection>();
}
