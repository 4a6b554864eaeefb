/**
 * Tells the user what notices there are, and remembers what was told.
 */
import { Notification } from '@jupyterlab/apputils';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { FeedConnection } from './connection';
import type { IRunView } from './feed';
import type { IFeedState } from './feedmodel';
import {
  endedLong,
  freshMatters,
  type INotice,
  MOST_REMEMBERED,
  noticeOf,
  noticeOfRun
} from './notices';

/** What it works with. */
export interface INoticingOptions {
  readonly feed: FeedConnection;
  readonly trans: TranslationBundle;
  /** Where it is remembered what was told, and under which key. */
  readonly memory: Storage;
  readonly key: string;
  readonly wanted: () => IWanted;
  readonly isSeen: (run: IRunView) => boolean;
  readonly openPanel: () => void;
  readonly reveal: (run: IRunView) => void;
}

/** What the user wants to be told. */
export interface IWanted {
  /** Whether what needs somebody. */
  readonly matters: boolean;
  /** Cells that took so many seconds have ended; 0 for none. */
  readonly longS: number;
}

/** Follows the feed for as long as the page lives. */
export class Noticing {
  constructor(private readonly _options: INoticingOptions) {
    this._told = read(_options.memory, _options.key);
    _options.feed.changed.connect(() => this._look());
    document.addEventListener('visibilitychange', () => this._remember());
    this._look();
  }

  private _look(): void {
    const { state } = this._options.feed;
    const before = this._before;
    if (!state || state === before) {
      return;
    }
    this._before = state;
    if (state.log !== before?.log) {
      this._tellMatters(state);
    }
    if (before && state.runs !== before.runs) {
      this._tellRuns(before, state);
    }
  }

  private _tellMatters(state: IFeedState): void {
    const { trans, openPanel, wanted } = this._options;
    if (!wanted().matters) {
      return;
    }
    const fresh = freshMatters(state.log, matter => this._told.includes(matter));
    for (const line of fresh) {
      this._emit(noticeOf(line, trans), trans.__('Show'), openPanel);
    }
    const matters = state.log.filter(line => line.notice).map(({ matter }) => matter);
    const known = new Set([...this._told, ...matters]);
    if (known.size > this._told.length) {
      this._told = [...known].slice(-MOST_REMEMBERED);
      this._remember();
    }
  }

  private _tellRuns(before: IFeedState, now: IFeedState): void {
    const { isSeen, reveal, trans, wanted } = this._options;
    const { longS } = wanted();
    if (longS <= 0) {
      return;
    }
    for (const run of endedLong(before.runs, now.runs, longS)) {
      if (!isSeen(run)) {
        this._emit(noticeOfRun(run, trans), trans.__('Go to the cell'), () =>
          reveal(run)
        );
      }
    }
  }

  private _emit({ text, type }: INotice, label: string, callback: () => void): void {
    Notification.emit(text, type, { autoClose: false, actions: [{ label, callback }] });
  }

  /** What was told in a page that nobody sees is told again by the next. */
  private _remember(): void {
    if (document.visibilityState === 'visible') {
      write(this._options.memory, this._options.key, this._told);
    }
  }

  private _before: IFeedState | null = null;
  private _told: readonly string[];
}

/** Whether the notebook of a run is on the screen. */
export function isNotebookSeen(
  { kernel_id, notebook }: IRunView,
  tracker: INotebookTracker | null
): boolean {
  const panel = tracker?.find(
    ({ context, sessionContext }) =>
      sessionContext.session?.kernel?.id === kernel_id || context.path === notebook
  );
  return Boolean(panel?.isVisible) && document.visibilityState === 'visible';
}

function read(memory: Storage, key: string): readonly string[] {
  try {
    const found: unknown = JSON.parse(memory.getItem(key) ?? '[]');
    return Array.isArray(found) ? found.filter(one => typeof one === 'string') : [];
  } catch {
    return []; // somebody else's, or this browser keeps nothing
  }
}

function write(memory: Storage, key: string, told: readonly string[]): void {
  try {
    memory.setItem(key, JSON.stringify(told));
  } catch {
    // Full, or forbidden: then a page that is loaded again tells again.
  }
}
