/**
 * What every view of the panel is given.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Actions } from '../actions';
import type { FeedConnection } from '../connection';
import type { LoadHistory } from '../history';

/** The panel's model and its actions. */
export interface IPanelContext {
  readonly feed: FeedConnection;
  readonly history: LoadHistory;
  readonly actions: Actions;
  readonly trans: TranslationBundle;
}

/** The properties of a section's view: the context, and the time in Unix seconds. */
export interface ISectionProps {
  readonly context: IPanelContext;
  readonly now: number;
}
