/**
 * Knows what the notebook in front has on the cluster: its kernel is asked, between two cells, while
 * somebody looks. Nothing is asked of a kernel that is busy: what was known then is still so, and
 * the view says of when it is.
 */
import type { ISessionContext } from '@jupyterlab/apputils';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel, KernelMessage } from '@jupyterlab/services';
import { type ISignal, Signal } from '@lumino/signaling';

import { askingFor, type IHeld, readHoldings, rowsOf } from './holdings';
import { evaluate, hasPythonKernel, type IAnswer, runSilently } from './kernel';
import type { IWatched } from './watching';

/** So long a kernel is left alone after a cell: another one may follow. */
const SETTLE_MS = 300;

/** What a kernel said last. */
export interface IKnown {
  readonly stamp: string;
  readonly cluster: string;
  readonly rows: readonly IHeld[];
  /** When it said so, in Unix seconds by the server's clock. */
  readonly at: number;
}

/** Why a kernel says nothing: it has not loaded the extension, or another version of it. */
export type Silence = 'none' | 'unloaded' | 'version';

/** What is known of one notebook. */
interface INotes {
  known: IKnown | null;
  silence: Silence;
  /** A cell ran since it was asked. */
  isDirty: boolean;
  isRunning: boolean;
  /** When the last cell began. */
  ranAt: number;
}

/** Asks the kernel of the notebook in front. */
export class HoldingsModel implements IWatched {
  /**
   * @param now - what time it is, in Unix seconds.
   */
  constructor(
    private readonly _tracker: INotebookTracker | null,
    private readonly _now: () => number,
    private readonly _settleMs = SETTLE_MS
  ) {
    _tracker?.currentChanged.connect(this._follow);
  }

  /** Emitted when anything below changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The path of the notebook; empty when there is none with a Python kernel. */
  get notebook(): string {
    return this._kernel ? (this._panel?.context.path ?? '') : '';
  }

  get kernelId(): string {
    return this._kernel?.id ?? '';
  }

  /** Null before the first answer. */
  get known(): IKnown | null {
    return this._notes?.known ?? null;
  }

  get silence(): Silence {
    return this._notes?.silence ?? 'none';
  }

  /** Whether the kernel does something of the user's. */
  get isBusy(): boolean {
    const { isRunning } = this._notes ?? {};
    return (isRunning ?? false) || (this._kernel?.status === 'busy' && !this._isAsking);
  }

  /** For so many seconds a cell has been running; 0 when none is. */
  get busyForS(): number {
    const { isRunning, ranAt } = this._notes ?? NOTHING;
    return isRunning ? this._now() - ranAt : 0;
  }

  /** Ask from now on, or no more. */
  watch(_owner: object, isVisible: boolean): void {
    if (isVisible !== this._isSeen) {
      this._isSeen = isVisible;
      if (isVisible) {
        this._follow();
      }
    }
  }

  /** Ask as soon as the kernel is idle. */
  refresh(): void {
    this._note({ isDirty: true });
    this._askAfter(0);
  }

  /**
   * Have the kernel carry out a line of the magic; then it is asked anew.
   *
   * @throws Error in the kernel's words.
   */
  async run(line: string): Promise<void> {
    const kernel = this._kernel;
    if (!kernel) {
      return;
    }
    const failure = await runSilently(kernel, line);
    this.refresh();
    if (failure) {
      throw new Error(failure.message || failure.name);
    }
  }

  private get _kernel(): Kernel.IKernelConnection | null {
    const context = this._panel?.sessionContext;
    return context && hasPythonKernel(context) ? (context.session?.kernel ?? null) : null;
  }

  private get _notes(): INotes | undefined {
    return this._panel ? this._memory.get(this._panel.sessionContext) : undefined;
  }

  private _note(changes: Partial<INotes>, panel = this._panel): void {
    if (panel) {
      const before = this._memory.get(panel.sessionContext) ?? NOTHING;
      this._memory.set(panel.sessionContext, { ...before, ...changes });
      this._changed.emit();
    }
  }

  /** Turn to the notebook in front; what was known of another one may be old. */
  private readonly _follow = (): void => {
    const panel = this._tracker?.currentWidget ?? null;
    if (panel !== this._panel) {
      this._leave();
      this._panel = panel;
      panel?.sessionContext.statusChanged.connect(this._onStatus);
      panel?.sessionContext.kernelChanged.connect(this._onKernel);
      panel?.sessionContext.iopubMessage.connect(this._onMessage);
      this._note({ isRunning: false, isDirty: true });
    }
    this._askAfter(0);
  };

  private _leave(): void {
    const context = this._panel?.sessionContext;
    context?.statusChanged.disconnect(this._onStatus);
    context?.kernelChanged.disconnect(this._onKernel);
    context?.iopubMessage.disconnect(this._onMessage);
    this._panel = null;
    this._changed.emit();
  }

  private readonly _onKernel = (): void => {
    this._note({ ...NOTHING });
    this._askAfter(0);
  };

  private readonly _onStatus = (_: ISessionContext, status: Kernel.Status): void => {
    if (status === 'idle') {
      this._note({ isRunning: false });
      this._askAfter(this._settleMs);
    } else if (status === 'restarting' || status === 'autorestarting') {
      this._note({ ...NOTHING }); // its cluster's half ends with it
    } else {
      this._changed.emit();
    }
  };

  /** A cell of the user's is announced; what we ask ourselves is not. */
  private readonly _onMessage = (
    _: ISessionContext,
    message: KernelMessage.IMessage
  ): void => {
    if (message.header.msg_type === 'execute_input') {
      this._note({ isDirty: true, isRunning: true, ranAt: this._now() });
    }
  };

  private _askAfter(ms: number): void {
    clearTimeout(this._timer);
    if (this._isSeen && this._notes?.isDirty) {
      this._timer = setTimeout(() => void this._ask(), ms);
    }
  }

  private async _ask(): Promise<void> {
    const { _kernel: kernel, _panel: panel } = this;
    if (!this._isSeen || this._isAsking || !panel || kernel?.status !== 'idle') {
      return; // there is an end to each of these, and then it is asked again
    }
    this._isAsking = true;
    this._note({ isDirty: false });
    try {
      const answer = await evaluate(kernel, askingFor(this.known?.stamp ?? ''));
      if (!answer) {
        this._note({ isDirty: true }, panel); // given up: a cell before it has failed
      } else if (kernel === panel.sessionContext.session?.kernel) {
        this._take(answer, panel);
      }
      this._isAsking = false;
      this._askAfter(this._settleMs);
    } catch {
      this._isAsking = false;
      this._note({ isDirty: true }, panel); // it has ended or restarts, and is heard of again
    }
  }

  private _take(answer: IAnswer, panel: NotebookPanel): void {
    const holdings = readHoldings(answer.json);
    if (holdings) {
      const before = this._memory.get(panel.sessionContext)?.known?.rows ?? [];
      const { stamp, cluster, names } = holdings;
      const rows = names ? rowsOf(names) : before;
      const known = { stamp, cluster, rows, at: this._now() };
      this._note({ known, silence: 'none' }, panel);
    } else {
      const { json, error } = answer;
      const isUnloaded = error === 'KeyError' || (!error && json === null);
      this._note({ known: null, silence: isUnloaded ? 'unloaded' : 'version' }, panel);
    }
  }

  private _panel: NotebookPanel | null = null;
  private _isSeen = false;
  private _isAsking = false;
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private readonly _memory = new WeakMap<ISessionContext, INotes>();
  private readonly _changed = new Signal<this, void>(this);
}

const NOTHING: INotes = {
  known: null,
  silence: 'none',
  isDirty: true,
  isRunning: false,
  ranAt: 0
};
