/**
 * Fills a tape with what the feed tells of a cluster's tasks, while a page is seen.
 */
import type { Widget } from '@lumino/widgets';

import type { FeedConnection } from './connection';
import type { ITasks } from './feed';
import type { TaskTape } from './tasktape';
import { whileSeen } from './watching';

/** Follow the tasks of a cluster for as long as the page lives; hidden, it is told nothing. */
export function followTasks(
  page: Widget,
  cluster: string,
  feed: FeedConnection,
  tape: TaskTape,
  onNews: () => void
): void {
  const take = (_: FeedConnection, frame: ITasks): void => {
    if (frame.cluster === cluster) {
      tape.take(frame);
      onNews();
    }
  };
  feed.tasked.connect(take);
  page.disposed.connect(() => feed.tasked.disconnect(take));
  whileSeen(page, isSeen => feed.stream(page, isSeen ? cluster : null));
}
