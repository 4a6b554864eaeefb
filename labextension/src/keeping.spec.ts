import type { NotebookPanel } from '@jupyterlab/notebook';
import { Signal } from '@lumino/signaling';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { type IClaim, Keeping } from './keeping';
import { aKept } from './testing/views';

const MINE = { is_mine: true, is_shown: false };
const ANOTHERS = { is_mine: false, is_shown: false };
const SAVED = { is_mine: false, is_shown: true };

/** As much of a notebook as it uses. */
class FakePanel {
  isDisposed = false;
  readonly content = { activeCellIndex: 3, outerNode: { scrollTop: 70 } };
  readonly done: string[] = [];
  readonly cell = { type: 'code', executionState: 'idle' };
  readonly context = {
    model: { dirty: false, cells: [this.cell, { type: 'markdown' }] },
    saveState: new Signal<this, string>(this),
    save: () => this.does('save'),
    revert: () => {
      this.content.activeCellIndex = this.content.outerNode.scrollTop = 0;
      return this.does('revert');
    }
  };

  private does(what: string): Promise<void> {
    this.done.push(what);
    return Promise.resolve();
  }
}

/** Keeps a run in a notebook; the server answers so, and then again as it did last. */
function keeping(
  panel: FakePanel,
  ...answers: (IClaim | null)[]
): { asked: number[]; hadChanges: boolean[]; noted: string[] } {
  const [asked, hadChanges, noted]: [number[], boolean[], string[]] = [[], [], []];
  const begun = Date.now();
  const keep = new Keeping({
    claim: (_cluster, _run, hasChanges) => {
      asked.push(Date.now() - begun);
      hadChanges.push(hasChanges);
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      return answer ? Promise.resolve(answer) : Promise.reject(new Error('gone'));
    },
    noteShown: (_cluster, run) => {
      noted.push(run);
      return Promise.resolve();
    }
  });
  void keep.keep(panel as unknown as NotebookPanel, aKept('1'));
  return { asked, hadChanges, noted };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('saves if that is for this window to do', async () => {
  const panel = new FakePanel();
  const { noted } = keeping(panel, MINE);
  await vi.advanceTimersByTimeAsync(0);
  expect([panel.done, noted]).toEqual([['save'], ['1']]);
});

it('takes the file that another window saves, and stays where it was', async () => {
  const panel = new FakePanel();
  const { asked, noted } = keeping(panel, ANOTHERS, ANOTHERS, SAVED);
  await vi.advanceTimersByTimeAsync(60_000);
  expect([panel.done, noted]).toEqual([['revert'], []]);
  expect(asked).toEqual([0, 1000, 3000]);
  expect(panel.content).toEqual({ activeCellIndex: 3, outerNode: { scrollTop: 70 } });
});

it('saves when the window that should have is gone, and when the server is back', async () => {
  const panel = new FakePanel();
  const { noted } = keeping(panel, ANOTHERS, null, MINE);
  await vi.advanceTimersByTimeAsync(60_000);
  expect([panel.done, noted]).toEqual([['save'], ['1']]);
});

it('asks ever more seldom, and not for a notebook that was closed', async () => {
  const panel = new FakePanel();
  const { asked } = keeping(panel, ANOTHERS);
  await vi.advanceTimersByTimeAsync(300_000);
  expect(asked.length).toBeLessThan(15);
  const before = asked.length;
  panel.isDisposed = true;
  await vi.advanceTimersByTimeAsync(300_000);
  expect(asked).toHaveLength(before);
});

it('leaves a notebook alone whose cell waits for its answer', async () => {
  const panel = new FakePanel();
  panel.cell.executionState = 'running';
  keeping(panel, SAVED);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(panel.done).toEqual([]);
  panel.cell.executionState = 'idle';
  await vi.advanceTimersByTimeAsync(30_000);
  expect(panel.done).toEqual(['revert']);
});

it('saves nothing that its user has changed, and says when the user has', async () => {
  const panel = new FakePanel();
  panel.context.model.dirty = true;
  const { noted, hadChanges } = keeping(panel, MINE);
  await vi.advanceTimersByTimeAsync(60_000);
  expect([panel.done, noted, hadChanges]).toEqual([[], [], [true]]);
  panel.context.saveState.emit('started');
  expect(noted).toEqual([]);
  panel.context.saveState.emit('completed');
  panel.context.saveState.emit('completed');
  expect(noted).toEqual(['1']);
});

it('does not take the file over what its user has changed', async () => {
  const panel = new FakePanel();
  panel.context.model.dirty = true;
  const { noted } = keeping(panel, SAVED);
  await vi.advanceTimersByTimeAsync(60_000);
  panel.context.saveState.emit('completed');
  expect([panel.done, noted]).toEqual([[], []]);
});
