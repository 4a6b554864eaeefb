/**
 * Lists of thousands of rows of which only those are drawn that can be seen.
 */
import {
  type RefCallback,
  type RefObject,
  useCallback,
  useLayoutEffect,
  useRef,
  useState
} from 'react';

import { type IWindow, windowOf } from '../nodelist';

/** Whatever scrolls has this class. */
export const SCROLLER = 'jp-scale-Scroller';

/** So much is drawn above and below what can be seen. */
const MARGIN = 200;

/** So many rows are all drawn: then a page's own search finds them. */
const FEW = 40;

/** Scrolling by less does not change what is drawn. */
const STEP = 40;

/** A list, what of it is to be drawn, and how its rows are measured. */
export interface IWindowed<T extends HTMLElement> {
  readonly listRef: RefObject<T>;
  readonly range: IWindow;
  /** Goes to each row that is drawn. */
  readonly measure: (id: string) => RefCallback<HTMLElement>;
  /** How wide the list is; 0 before it is drawn. */
  readonly width: number;
}

/**
 * Draw a part of a list.
 *
 * @param ids - of all rows.
 * @param guess - the height of a row in a list that is so wide, before it has been measured.
 */
export function useWindowed<T extends HTMLElement>(
  ids: readonly string[],
  guess: (width: number) => number
): IWindowed<T> {
  const listRef = useRef<T>(null);
  const heights = useRef(new Map<string, number>());
  const drawn = useRef(new Map<string, HTMLElement>());
  const [view, setView] = useState({ top: 0, height: 0, width: 0 });
  const [, redraw] = useState(0);

  useLayoutEffect(() => {
    const list = listRef.current;
    const scroller = list?.closest<HTMLElement>(`.${SCROLLER}`);
    if (!list || !scroller) {
      return;
    }
    const look = (): void => {
      const top = scroller.getBoundingClientRect().top - list.getBoundingClientRect().top;
      const seen = {
        top: STEP * Math.floor(top / STEP),
        height: STEP * Math.ceil((scroller.clientHeight + STEP) / STEP),
        width: list.clientWidth
      };
      setView(before =>
        before.top === seen.top &&
        before.height === seen.height &&
        before.width === seen.width
          ? before
          : seen
      );
    };
    look();
    const observer = new ResizeObserver(look);
    observer.observe(scroller);
    observer.observe(list);
    scroller.addEventListener('scroll', look, { passive: true });
    return () => {
      observer.disconnect();
      scroller.removeEventListener('scroll', look);
    };
  }, []);

  useLayoutEffect(() => {
    let isNews = false;
    for (const [id, row] of drawn.current) {
      const height = row.offsetHeight;
      isNews ||= heights.current.get(id) !== height;
      heights.current.set(id, height);
    }
    if (isNews) {
      redraw(count => count + 1);
    }
  });

  const measure = useCallback(
    (id: string) => (row: HTMLElement | null) => {
      if (row) {
        drawn.current.set(id, row);
      } else {
        drawn.current.delete(id);
      }
    },
    []
  );
  const known = ids.map(id => heights.current.get(id) ?? guess(view.width));
  return {
    listRef,
    range: windowOf(known, view.top, view.height, ids.length <= FEW ? Infinity : MARGIN),
    measure,
    width: view.width
  };
}
