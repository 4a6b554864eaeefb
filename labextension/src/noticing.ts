/**
 * What of a feed's states is told to the user as notices, and the memory of what was told.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ISignal } from '@lumino/signaling';

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

/** The states that are followed. */
export interface IFollowed {
  readonly state: IFeedState | null;
  readonly changed: ISignal<unknown, void>;
}

/** The page that shows notices. */
export interface INoticingPage {
  /** Whether somebody can see it. */
  readonly isSeen: () => boolean;
  /** Call this when that has changed. */
  readonly onSeen: (look: () => void) => void;
  /** Show a notice; what it is about can be shown by a click. */
  readonly emit: (notice: INotice, about: About) => void;
}

/** What a notice is about: something that the panel shows, or a run. */
export type About = 'panel' | IRunView;

/** What it works with. */
export interface INoticingOptions {
  readonly feed: IFollowed;
  readonly trans: TranslationBundle;
  /** Where it is remembered what was told, and under which key. */
  readonly memory: Pick<Storage, 'getItem' | 'setItem'>;
  readonly key: string;
  readonly wanted: () => IWanted;
  /** Whether the notebook of a run is on the screen. */
  readonly isRunSeen: (run: IRunView) => boolean;
  readonly page: INoticingPage;
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
    _options.page.onSeen(() => this._remember());
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
    const { page, trans, wanted } = this._options;
    if (!wanted().matters) {
      return;
    }
    const fresh = freshMatters(state.log, matter => this._told.includes(matter));
    for (const line of fresh) {
      page.emit(noticeOf(line, trans), 'panel');
    }
    const matters = state.log.filter(line => line.notice).map(({ matter }) => matter);
    const known = new Set([...this._told, ...matters]);
    if (known.size > this._told.length) {
      this._told = [...known].slice(-MOST_REMEMBERED);
      this._remember();
    }
  }

  private _tellRuns(before: IFeedState, now: IFeedState): void {
    const { isRunSeen, page, trans, wanted } = this._options;
    const { longS } = wanted();
    if (longS <= 0) {
      return;
    }
    for (const run of endedLong(before.runs, now.runs, longS)) {
      if (!isRunSeen(run)) {
        page.emit(noticeOfRun(run, trans), run);
      }
    }
  }

  /** What was told in a page that nobody sees is told again by the next. */
  private _remember(): void {
    if (this._options.page.isSeen()) {
      write(this._options.memory, this._options.key, this._told);
    }
  }

  private _before: IFeedState | null = null;
  private _told: readonly string[];
}

function read(memory: INoticingOptions['memory'], key: string): readonly string[] {
  try {
    const found: unknown = JSON.parse(memory.getItem(key) ?? '[]');
    return Array.isArray(found) ? found.filter(one => typeof one === 'string') : [];
  } catch {
    return []; // somebody else's, or this browser keeps nothing
  }
}

function write(
  memory: INoticingOptions['memory'],
  key: string,
  told: readonly string[]
): void {
  try {
    memory.setItem(key, JSON.stringify(told));
  } catch {
    // Full, or forbidden: then a page that is loaded again tells again.
  }
}
