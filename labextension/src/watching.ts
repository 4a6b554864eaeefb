/**
 * Tells the feed whether the panel is seen: it is shown, in a page that is itself to be seen.
 */
import { MessageLoop } from '@lumino/messaging';
import type { Widget } from '@lumino/widgets';

import type { FeedConnection } from './connection';

const TURNS = new Set(['after-attach', 'after-detach', 'after-hide', 'after-show']);

/** Watch the feed as long as somebody can see this widget, from now on. */
export function watchWhileSeen(widget: Widget, feed: FeedConnection): void {
  const tell = (): void => {
    feed.watch(widget, widget.isVisible && document.visibilityState === 'visible');
  };
  MessageLoop.installMessageHook(widget, (_, { type }) => {
    if (TURNS.has(type)) {
      queueMicrotask(tell); // the widget itself has yet to hear of it
    }
    return true;
  });
  document.addEventListener('visibilitychange', tell);
  widget.disposed.connect(() => {
    document.removeEventListener('visibilitychange', tell);
    feed.watch(widget, false);
  });
  tell();
}
