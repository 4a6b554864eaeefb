/**
 * The runs that nobody has seen to their end: asks the server for them when there may be some, puts
 * their output under the cells of notebooks that are open, and brings their names into kernels.
 */
import { Notification } from '@jupyterlab/apputils';
import { isCodeCellModel } from '@jupyterlab/cells';
import {
  type INotebookTracker,
  NotebookActions,
  type NotebookPanel
} from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { type ISignal, Signal } from '@lumino/signaling';

import type { ScaleApi } from './api';
import type { FeedConnection } from './connection';
import type { IKeptRun, IRunView } from './feed';
import { Keeping } from './keeping';
import { hasPythonKernel, LOAD_CODE, runSilently } from './kernel';
import {
  type Executed,
  type IOpenNotebook,
  isOfThisPage,
  missedRuns,
  runsInFile,
  runsToShow
} from './missed';
import { noticeOfRun } from './notices';
import { type Restored, restoreOutput } from './restoring';
import { isActive } from './runs';

/** A run that has ended is on its node's disk within so long, with what it left if nobody took it. */
const SETTLED_MS = [500, 9000];
const AGAIN_MS = 5000;

/** A run that lasts that long is kept by its cluster: other windows may want to save it. */
const LASTING_MS = 500;

/** What becomes of a kernel whose cells go on without it. */
const ENDED: ReadonlySet<string> = new Set(['restarting', 'autorestarting', 'dead']);

/** What it works with. */
export interface IMissedContext {
  readonly api: ScaleApi;
  readonly feed: FeedConnection;
  readonly tracker: INotebookTracker | null;
  readonly trans: TranslationBundle;
  /** The notebook of a run, opened if need be; null when it is not there. */
  readonly open: (run: IKeptRun) => Promise<NotebookPanel | null>;
}

/** What was missed, and what can be done about it. */
export class MissedRuns {
  constructor(private readonly _context: IMissedContext) {
    const { api, feed, tracker } = _context;
    this._keeping = new Keeping(api);
    feed.changed.connect(() => this._followFeed());
    NotebookActions.executionScheduled.connect((_, { cell }) => {
      this._executed.set(cell.model.id, feed.now());
    });
    tracker?.widgetAdded.connect((_, panel) => void this._welcome(panel));
  }

  /** Emitted when `runs` changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The runs that ended while nobody looked, the latest last. */
  get runs(): readonly IKeptRun[] {
    return this._missed;
  }

  /** Put the output of a run under its cell, whatever is there. */
  async show(run: IKeptRun): Promise<void> {
    const { open, trans } = this._context;
    const panel = await open(run);
    if (panel) {
      await panel.context.ready;
    }
    if (!panel || (await this._restore(panel, run)) === 'gone') {
      throw new Error(trans.__('The cell of this run is not in a notebook any more.'));
    }
    await this.refresh();
  }

  /**
   * Bring the names of a run into its notebook's kernel, as soon as that has nothing else to do.
   *
   * @throws Error in the kernel's words.
   */
  async fetch(run: IKeptRun): Promise<void> {
    const { open, trans } = this._context;
    const panel = await open(run);
    await panel?.sessionContext.ready;
    const kernel = panel?.sessionContext.session?.kernel;
    if (!panel || !kernel || !hasPythonKernel(panel.sessionContext)) {
      throw new Error(trans.__('There is no kernel that could have these names.'));
    }
    const code = `${LOAD_CODE}\n%scale fetch --quiet ${run.id}`;
    const failure = await runSilently(kernel, code);
    if (failure) {
      throw new Error(failure.message || failure.name);
    }
    Notification.success(trans.__('Here now: %1', run.names.join(', ')), {
      autoClose: 5000
    });
    await this.refresh();
  }

  /** Ask the server again. */
  async refresh(): Promise<void> {
    const { api, tracker } = this._context;
    try {
      this._kept = await api.keptRuns();
    } catch {
      return; // an older server, or none: the feed says so
    }
    const before = new Set(this._missed.map(({ id }) => id));
    const shown = tracker ? this._showAll(tracker) : [];
    this._update();
    const isNews = ({ id }: IKeptRun): boolean =>
      !before.has(id) && !shown.includes(id) && !this._told.has(id);
    this._tell(this._missed.filter(isNews));
  }

  /** Begin to put output under the cells of all notebooks that are open; return of which runs. */
  private _showAll(tracker: INotebookTracker): readonly string[] {
    const begun: string[] = [];
    tracker.forEach(panel => {
      if (!panel.context.isReady) {
        return; // it is welcomed when it is
      }
      for (const run of runsToShow(this._kept, notebookOf(panel), this._executed)) {
        if (!this._shown.has(run.id)) {
          begun.push(run.id);
          this._restore(panel, run).catch((reason: unknown) => {
            console.warn(`jupyter-scale: the output of run ${run.id}`, reason);
          });
        }
      }
    });
    return begun;
  }

  /** Put output under a cell, unless that is being done. */
  private async _restore(panel: NotebookPanel, run: IKeptRun): Promise<Restored> {
    const known = this._restoring.get(run.id);
    if (known) {
      return known;
    }
    const restoring = this._follow(panel, run);
    this._restoring.set(run.id, restoring);
    try {
      const restored = await restoring;
      if (restored === 'whole') {
        this._shown.add(run.id);
        this._update();
        void this._keeping.keep(panel, run).catch(() => undefined); // it could not be saved
      } else if (restored === 'cut') {
        setTimeout(() => void this.refresh(), AGAIN_MS);
      }
      return restored;
    } finally {
      this._restoring.delete(run.id);
    }
  }

  private async _follow(panel: NotebookPanel, run: IKeptRun): Promise<Restored> {
    const { model } = panel.context;
    const isMine = await this._keeping.claim(run, model.dirty);
    if (model.collaborative && !isMine) {
      return 'cut'; // the window that writes writes for all
    }
    return restoreOutput(panel, run, (which, signal) =>
      this._context.api.followOutput(which.cluster, which.id, signal)
    );
  }

  /** A notebook was opened: what it has missed comes, and what it sees is noted when it is saved. */
  private async _welcome(panel: NotebookPanel): Promise<void> {
    panel.context.saveState.connect((_, state) => {
      if (state === 'completed') {
        this._noteSaved(panel);
      }
    });
    panel.sessionContext.statusChanged.connect((_, status) => {
      if (ENDED.has(status)) {
        this._forgetUnanswered(panel);
      }
    });
    await panel.context.ready;
    if (this._context.feed.status === 'live') {
      await this.refresh();
    }
  }

  /** The kernel has ended: cells without its answer are none that this page sees to their end. */
  private _forgetUnanswered({ context }: NotebookPanel): void {
    for (const cell of context.model.cells) {
      if (isCodeCellModel(cell) && cell.executionCount === null) {
        this._executed.delete(cell.id);
      }
    }
    this._refreshSoon();
  }

  private _refreshSoon(): void {
    for (const delay of SETTLED_MS) {
      setTimeout(() => void this.refresh(), delay);
    }
  }

  /** A file was saved: it has what this page's cells were answered. */
  private _noteSaved(panel: NotebookPanel): void {
    const saved = new Map<string, number>();
    for (const cell of panel.context.model.cells) {
      const at = this._executed.get(cell.id);
      if (at !== undefined && isCodeCellModel(cell) && cell.executionCount !== null) {
        saved.set(cell.id, at);
      }
    }
    this._saved.set(panel, saved);
    this._noteInFile(panel);
  }

  /** Tell the server which runs the file has; the feed may say only later that they are over. */
  private _noteInFile(panel: NotebookPanel): void {
    const saved = this._saved.get(panel);
    const runs = saved ? (this._context.feed.state?.runs ?? []) : [];
    for (const run of runsInFile(runs, notebookOf(panel), saved ?? new Map())) {
      if (run.cluster && !this._shown.has(run.id)) {
        this._shown.add(run.id);
        void this._keeping.noteShown(run);
      }
    }
  }

  private _update(): void {
    this._missed = missedRuns(this._kept, this._executed).filter(
      ({ id, names }) => names.length > 0 || !this._shown.has(id)
    );
    this._changed.emit();
  }

  /** Ask when the connection is there, and when a run has ended that this page did not begin. */
  private _followFeed(): void {
    const { feed, tracker } = this._context;
    if (feed.status !== 'live') {
      this._wasLive = false;
      return;
    }
    const active = new Set<string>();
    const ended = new Set<string>();
    let hasMissed = false;
    for (const run of feed.state?.runs ?? []) {
      if (isActive(run)) {
        active.add(run.id);
        this._claimSoon(run);
        continue;
      }
      ended.add(run.id);
      const isOwn = isOfThisPage(run, this._executed);
      if (run.is_detached && isOwn && this._ended?.has(run.id) === false) {
        this._tellDetached(run);
        hasMissed = true;
      } else if (this._active.has(run.id) && !isOwn) {
        hasMissed = true;
      }
    }
    if (!this._wasLive) {
      this._wasLive = true;
      void this.refresh();
    }
    const hasEnded = [...this._active].some(id => !active.has(id));
    this._active = active;
    this._ended = ended;
    if (hasEnded) {
      tracker?.forEach(panel => this._noteInFile(panel));
    }
    if (hasMissed) {
      this._refreshSoon();
    }
  }

  /** This page has the run's output, and saves it when its user wants to. */
  private _claimSoon(run: IRunView): void {
    if (!run.cluster || run.is_detached || this._claimed.has(run.id)) {
      return;
    }
    if (isOfThisPage(run, this._executed)) {
      this._claimed.add(run.id);
      setTimeout(() => {
        if (this._active.has(run.id)) {
          void this._keeping.claim(run, true);
        }
      }, LASTING_MS);
    }
  }

  /** Somebody does wait for the end of a detached run: who had it begun. */
  private _tellDetached(run: IRunView): void {
    const { text, type } = noticeOfRun(run, this._context.trans);
    Notification.emit(text, type, { autoClose: false });
    this._told.add(run.id);
  }

  private _tell(runs: readonly IKeptRun[]): void {
    const { trans } = this._context;
    if (runs.length > 0) {
      Notification.info(finishedText(runs.length, trans), { autoClose: 8000 });
    }
  }

  private _kept: readonly IKeptRun[] = [];
  private _missed: readonly IKeptRun[] = [];
  private _active: ReadonlySet<string> = new Set();
  private _wasLive = false;
  private readonly _executed = new Map<string, number>();
  private readonly _keeping: Keeping;
  private _ended: ReadonlySet<string> | null = null;
  private readonly _told = new Set<string>();
  private readonly _claimed = new Set<string>();
  private readonly _saved = new WeakMap<NotebookPanel, Executed>();
  private readonly _shown = new Set<string>();
  private readonly _restoring = new Map<string, Promise<Restored>>();
  private readonly _changed = new Signal<this, void>(this);
}

/** For instance `2 cells finished while you were away`. */
export function finishedText(count: number, trans: TranslationBundle): string {
  return trans._n(
    '%1 cell finished while you were away',
    '%1 cells finished while you were away',
    count
  );
}

function notebookOf({ context, sessionContext }: NotebookPanel): IOpenNotebook {
  const sources = new Map<string, string>();
  for (const cell of context.model.cells) {
    sources.set(cell.id, cell.sharedModel.getSource());
  }
  return {
    path: context.path,
    kernelId: sessionContext.session?.kernel?.id ?? '',
    sources
  };
}
