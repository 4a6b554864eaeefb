/**
 * What the panel knows, and how one message of the feed changes it. Pure.
 *
 * Laws: 1. A snapshot replaces everything. 2. A delta is valid only on top of its predecessor's
 * number; else it is a gap, and the client must connect again. 3. Views that a message does not name
 * stay the same objects, so that what shows them need not be drawn again.
 */
import {
  type IClusterView,
  type IDelta,
  FEED_VERSION,
  type IRunView,
  type ISnapshot
} from './feed';

/** What a server sends. */
export type FeedMessage = ISnapshot | IDelta;

/** All that is known at number `seq`. */
export interface IFeedState {
  readonly seq: number;
  /** When the server said so, in Unix seconds by its clock. */
  readonly sent_at: number;
  readonly clusters: readonly IClusterView[];
  readonly runs: readonly IRunView[];
  readonly profiles: readonly string[];
}

/** The new state, or why there is none: a message is missing, or it is in another version. */
export type Outcome = IFeedState | 'gap' | 'version';

/** Apply one message to the state before it; null is the state before the first. */
export function applyMessage(state: IFeedState | null, message: FeedMessage): Outcome {
  if (message.type === 'snapshot') {
    const { version, seq, sent_at, clusters, runs, profiles } = message;
    return version === FEED_VERSION
      ? { seq, sent_at, clusters, runs, profiles }
      : 'version';
  }
  if (!state || message.seq !== state.seq + 1) {
    return 'gap';
  }
  return {
    seq: message.seq,
    sent_at: message.sent_at,
    clusters: merge(state.clusters, message.clusters, message.gone_clusters),
    runs: merge(state.runs, message.runs, message.gone_runs),
    profiles: message.profiles ?? state.profiles
  };
}

/** Replace views by id in place, append new ones, drop those that are gone. */
function merge<T extends { readonly id: string }>(
  before: readonly T[],
  changed: readonly T[],
  gone: readonly string[]
): readonly T[] {
  if (changed.length === 0 && gone.length === 0) {
    return before;
  }
  const views = new Map(before.map(view => [view.id, view]));
  for (const view of changed) {
    views.set(view.id, view);
  }
  for (const id of gone) {
    views.delete(id);
  }
  return [...views.values()];
}
