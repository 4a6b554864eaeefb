/**
 * What is wrong with how a part of the page is laid out: too wide, cut off, on top of each other.
 */
import type { Lab } from './lab';

/** Names of the user's, which may be of any length, and lines of code. */
const NAMES = '.jp-scale-Name, .jp-scale-Group, code, summary span';

/**
 * The faults of all that can be seen in a part of the page.
 *
 * A name may end in an ellipsis where all of it can be had, by its title; nothing else may be cut.
 */
export async function findFaults(lab: Lab, selector: string): Promise<string[]> {
  return lab.page.evaluate(faultsOf, [selector, NAMES] as const);
}

interface IText {
  readonly owner: Element;
  readonly rect: DOMRect;
}

/** In the page, which has nothing but this function. */
function faultsOf([selector, names]: readonly [string, string]): string[] {
  const TOLERANCE = 1.5;

  const nameOf = (element: Element): string =>
    `${element.getAttribute('class') ?? element.tagName} "${element.textContent.trim().slice(0, 50)}"`;

  const isUnseen = (element: Element): boolean => {
    const { clipPath, opacity, visibility } = getComputedStyle(element);
    return clipPath !== 'none' || opacity === '0' || visibility === 'hidden';
  };

  /** How an element is too wide for its box. */
  const cut = (box: Element): string[] => {
    const more = box.scrollWidth - box.clientWidth;
    if (more <= TOLERANCE || !box.checkVisibility() || isUnseen(box)) {
      return [];
    }
    const { overflowX, textOverflow } = getComputedStyle(box);
    if (overflowX === 'auto' || overflowX === 'scroll') {
      const isCode = box.matches('pre, textarea, input, select');
      return isCode ? [] : [`wide by ${more}: ${nameOf(box)}`];
    }
    const isName = box.matches(names) && box.closest('[title]') !== null;
    const isWhole = overflowX === 'visible' || (isName && textOverflow === 'ellipsis');
    return isWhole ? [] : [`cut by ${more}: ${nameOf(box)}`];
  };

  /** What of a box in a root is not hidden by what is around it. */
  const seen = (rect: DOMRect, start: Element, root: Element): DOMRect | null => {
    let { left, top, right, bottom } = rect;
    for (let box = start; box !== root && box.parentElement; box = box.parentElement) {
      if (isUnseen(box)) {
        return null;
      }
      if (getComputedStyle(box).overflow !== 'visible') {
        const outer = box.getBoundingClientRect();
        left = Math.max(left, outer.left);
        top = Math.max(top, outer.top);
        right = Math.min(right, outer.right);
        bottom = Math.min(bottom, outer.bottom);
      }
    }
    const [width, height] = [right - left, bottom - top];
    return width > 1 && height > 1 ? new DOMRect(left, top, width, height) : null;
  };

  const textsOf = (root: Element): IText[] => {
    const texts: IText[] = [];
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let text = walker.nextNode(); text; text = walker.nextNode()) {
      const owner = text.parentElement;
      if (!owner?.checkVisibility() || !text.textContent?.trim()) {
        continue;
      }
      const range = document.createRange();
      range.selectNodeContents(text);
      for (const each of Array.from(range.getClientRects())) {
        const rect = seen(each, owner, root);
        if (rect && !owner.closest('svg')) {
          texts.push({ owner, rect });
        }
      }
    }
    return texts;
  };

  const areOnTop = (
    { owner, rect: a }: IText,
    { owner: other, rect: b }: IText
  ): boolean =>
    owner !== other &&
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 5;

  const faults = Array.from(document.querySelectorAll(selector))
    .filter(root => root.checkVisibility())
    .flatMap(root => {
      const boxes = [root, ...Array.from(root.querySelectorAll('*'))];
      const texts = textsOf(root);
      const stacked = texts.flatMap((one, index) =>
        texts
          .slice(index + 1)
          .filter(other => areOnTop(one, other))
          .map(({ owner }) => `${nameOf(one.owner)} is on top of ${nameOf(owner)}`)
      );
      return [...boxes.flatMap(cut), ...stacked];
    });
  return Array.from(new Set(faults));
}
