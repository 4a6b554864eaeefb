/**
 * Tells the feed what is seen: what is shown, in a page that is itself to be seen.
 */
import { MessageLoop } from '@lumino/messaging';
import type { Widget } from '@lumino/widgets';

import type { FeedConnection } from './connection';

const TURNS = new Set(['after-attach', 'after-detach', 'after-hide', 'after-show']);

/** Watch the feed as long as somebody can see this widget, from now on. */
export function watchWhileSeen(widget: Widget, feed: FeedConnection): void {
  whileSeen(widget, isSeen => feed.watch(widget, isSeen));
}

/** Tell whether somebody can see this widget, now and whenever that may have changed. */
export function whileSeen(widget: Widget, tellSeen: (isSeen: boolean) => void): void {
  const tell = (): void => {
    tellSeen(widget.isVisible && document.visibilityState === 'visible');
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
    tellSeen(false);
  });
  tell();
}
