/**
 * What every view of the panel is given.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Actions } from '../actions';
import type { Attaching } from '../attaching';
import type { FeedConnection } from '../connection';
import type { INodeId } from '../feed';
import type { IFeedState } from '../feedmodel';
import type { LoadHistory } from '../history';
import type { HoldingsModel } from '../holdingsmodel';
import type { MissedRuns } from '../missedruns';
import type { Pace } from '../pace';
import type { TaskTape } from '../tasktape';

/** The panel's model and its actions. */
export interface IPanelContext {
  readonly feed: FeedConnection;
  readonly history: LoadHistory;
  readonly actions: Actions;
  readonly attaching: Attaching;
  readonly holdings: HoldingsModel;
  readonly missed: MissedRuns;
  /** The last lines of a node's log, see `ScaleApi`. */
  readonly readLog: (
    cluster: string,
    node: string,
    log: string
  ) => Promise<readonly string[]>;
  /** Open the page of a node in the main area. */
  readonly openNode: (cluster: string, node: string) => void;
  /** Open the task stream of a cluster in the main area. */
  readonly openTasks: (cluster: string) => void;
  readonly trans: TranslationBundle;
  readonly pace: Pace;
}

/**
 * The properties of a section's view: the context, what was known, and the server's time in Unix
 * seconds, both at the moment that is shown. React may draw it later, when the feed has gone on.
 */
export interface ISectionProps {
  readonly context: IPanelContext;
  readonly state: IFeedState | null;
  readonly now: number;
  /** Tells the feed which nodes the view shows. */
  readonly show: (nodes: readonly INodeId[]) => void;
}

/** Which page of a kind in the main area: all are of a cluster. */
export type Which<K extends string> = Readonly<Record<K | 'cluster', string>>;

/** What the view of such a page is given. */
export interface IPageProps<K extends string = never> extends ISectionProps {
  readonly which: Which<K>;
  /** What the workers of the cluster do, while the page is seen. */
  readonly tape: TaskTape;
}
