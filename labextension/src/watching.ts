/**
 * Tells whether something is seen: it is shown, in a page that is itself to be seen.
 */
import { MessageLoop } from '@lumino/messaging';
import type { Widget } from '@lumino/widgets';

const TURNS = new Set(['after-attach', 'after-detach', 'after-hide', 'after-show']);

/** What costs something only while somebody looks: the feed, the kernel's answers. */
export interface IWatched {
  /** Say whether something of the owner's is seen. */
  watch(owner: object, isVisible: boolean): void;
}

/** Watch as long as somebody can see this widget, from now on. */
export function watchWhileSeen(widget: Widget, watched: IWatched): void {
  whileSeen(widget, isSeen => {
    watched.watch(widget, isSeen);
  });
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
