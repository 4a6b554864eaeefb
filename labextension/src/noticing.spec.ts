import { nullTranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';
import { describe, expect, it } from 'vitest';

import type { ILogLine, IRunView } from './feed';
import { applyMessage, type IFeedState } from './feedmodel';
import { type About, type IWanted, Noticing } from './noticing';
import { aLine, aRun, aSnapshot } from './testing/views';

const KEY = 'told';

/** A page with a feed, and all that was told in it. */
class Page {
  state: IFeedState | null = null;
  readonly changed = new Signal<this, void>(this);
  readonly told: [string, About][] = [];
  isSeen = true;
  wanted: IWanted = { matters: true, longS: 60 };
  seenNotebooks: string[] = [];
  look = (): void => undefined;

  constructor(
    readonly memory: Pick<Storage, 'getItem' | 'setItem'> = memoryOf(),
    first?: { log?: ILogLine[]; runs?: IRunView[] }
  ) {
    if (first) {
      this.remember(first);
    }
    new Noticing({
      feed: this,
      trans: nullTranslator.load(''),
      memory,
      key: KEY,
      wanted: () => this.wanted,
      isRunSeen: ({ notebook }) => this.seenNotebooks.includes(notebook),
      page: {
        isSeen: () => this.isSeen,
        onSeen: look => {
          this.look = look;
        },
        emit: ({ text }, about) => this.told.push([text, about])
      }
    });
  }

  show(state: { log?: ILogLine[]; runs?: IRunView[] }): void {
    this.remember(state);
    this.changed.emit();
  }

  private remember(state: { log?: ILogLine[]; runs?: IRunView[] }): void {
    const outcome = applyMessage(null, aSnapshot(state));
    this.state = typeof outcome === 'string' ? null : outcome;
  }
}

function memoryOf(
  content: Record<string, string> = {}
): Pick<Storage, 'getItem' | 'setItem'> {
  return {
    getItem: key => content[key] ?? null,
    setItem: (key, value) => {
      content[key] = value;
    }
  };
}

const LOST = aLine(1, { notice: 'node-lost', matter: 'lost a', node: 'a' });
const COST = aLine(2, { notice: 'cost', matter: 'cost 0.8', text: '80% are spent' });
const RUNNING = aRun('r', { started_at: 1000, notebook: 'a.ipynb' });
const DONE = aRun('r', {
  started_at: 1000,
  notebook: 'a.ipynb',
  status: 'done',
  ended_at: 1090
});

describe('a matter', () => {
  it('is told once, also by what was known before, and leads to the panel', () => {
    const page = new Page(memoryOf(), { log: [LOST] });
    page.show({ log: [LOST] });
    page.show({ log: [LOST, COST] });
    expect(page.told).toEqual([
      ['Node a of the cluster "lab" is lost.', 'panel'],
      ['Cluster "lab": 80% are spent', 'panel']
    ]);
  });

  it('is not told again by a page that is loaded again', () => {
    const memory = memoryOf();
    new Page(memory, { log: [LOST] });
    expect(new Page(memory, { log: [LOST] }).told).toEqual([]);
  });

  it('is told again by the next page when nobody saw this one', () => {
    const memory = memoryOf();
    const hidden = new Page(memory);
    hidden.isSeen = false;
    hidden.show({ log: [LOST] });
    expect(hidden.told).toHaveLength(1);
    expect(new Page(memory, { log: [LOST] }).told).toHaveLength(1);
  });

  it('is remembered once a hidden page is seen', () => {
    const memory = memoryOf();
    const hidden = new Page(memory);
    hidden.isSeen = false;
    hidden.show({ log: [LOST] });
    hidden.isSeen = true;
    hidden.look();
    expect(new Page(memory, { log: [LOST] }).told).toEqual([]);
  });

  it('is not told to who does not want it, until he does', () => {
    const page = new Page();
    page.wanted = { matters: false, longS: 0 };
    page.show({ log: [LOST] });
    expect(page.told).toEqual([]);
    page.wanted = { matters: true, longS: 0 };
    page.show({ log: [LOST] });
    expect(page.told).toHaveLength(1);
  });

  it.each([
    ['somebody else has the key', memoryOf({ [KEY]: '{"a": 1}' })],
    ['what is there is no JSON', memoryOf({ [KEY]: 'told' })],
    [
      'the browser keeps nothing',
      {
        getItem: () => null,
        setItem: () => {
          throw new Error('full');
        }
      }
    ]
  ])('is told when %s', (_, memory) => {
    expect(new Page(memory, { log: [LOST] }).told).toHaveLength(1);
  });
});

describe('a long cell', () => {
  it('is told of when it ends, and leads to itself', () => {
    const page = new Page();
    page.show({ runs: [RUNNING] });
    page.show({ runs: [DONE] });
    page.show({ runs: [DONE] });
    expect(page.told).toEqual([['Done after 1 min 30 s: [1] x = 1', DONE]]);
  });

  it('is not told of when it had ended before the page came', () => {
    expect(new Page(memoryOf(), { runs: [DONE] }).told).toEqual([]);
  });

  it('is not told of where it is seen, or not wanted, or not long', () => {
    const page = new Page();
    page.show({ runs: [RUNNING] });
    page.seenNotebooks = ['a.ipynb'];
    page.show({ runs: [DONE] });
    page.seenNotebooks = [];
    for (const longS of [0, 91]) {
      page.wanted = { matters: true, longS };
      page.show({ runs: [RUNNING] });
      page.show({ runs: [DONE] });
    }
    expect(page.told).toEqual([]);
  });
});
