import { describe, expect, it, test } from 'vitest';

import type { IKeptRun } from './feed';
import { firstLineOf, missedRuns, runsInFile, runsToShow } from './missed';
import { type IOutputMessage, type IOutputs, OutputWriter } from './outputwriter';
import { aKept, aRun } from './testing/views';

const notebook = {
  path: 'a.ipynb',
  kernelId: 'k2',
  sources: new Map([['c', '%%scale --gpu 1\n\nx = 1\ny']])
};
const NOTHING = new Map<string, number>();
const ids = (runs: readonly { id: string }[]): string => runs.map(({ id }) => id).join();

test.each([
  ['%%scale\nx = 1', 'x = 1'],
  ['\n%%scale --gpu 1\n\n  x = 1  \ny', 'x = 1'],
  ['x = 1', 'x = 1'],
  ['%%scale', '']
])('the first line of %j is %j', (source, line) => {
  expect(firstLineOf(source)).toBe(line);
});

describe('what goes under a cell by itself', () => {
  test.each<[string, Partial<IKeptRun>, string]>([
    ['a run of the file', {}, '1'],
    ['one of its kernel', { notebook: 'old.ipynb', kernel_id: 'k2' }, '1'],
    ['one that goes on', { status: 'running', ended_at: null }, '1'],
    ['one of another notebook', { notebook: 'b.ipynb' }, ''],
    ['one that the file has', { is_shown: true }, ''],
    ['one that was dropped', { dropped: 'no room' }, ''],
    ['one for which nobody waits', { is_detached: true }, ''],
    ['one whose cell is gone', { cell_id: 'd' }, ''],
    ['one whose cell is another by now', { first_line: 'z = 1' }, '']
  ])('%s', (_, changes, expected) => {
    const runs = [aKept('1', { cell_id: 'c', ...changes })];
    expect(ids(runsToShow(runs, notebook, NOTHING))).toBe(expected);
  });

  it('is the latest of a cell, and none if that is shown', () => {
    const runs = [1, 2].map(at => aKept(String(at), { cell_id: 'c', started_at: at }));
    expect(ids(runsToShow(runs, notebook, NOTHING))).toBe('2');
    const shown = runs.map(run => ({ ...run, is_shown: run.id === '2' }));
    expect(ids(runsToShow(shown, notebook, NOTHING))).toBe('');
  });

  it('is nothing of a cell that this page has run', () => {
    const runs = [aKept('1', { cell_id: 'c' })];
    expect(runsToShow(runs, notebook, new Map([['c', 2000]]))).toEqual([]);
  });
});

test('missed is what nobody has: names that wait, and output that no page has seen', () => {
  const runs = [
    aKept('names', { names: ['x'], is_shown: true }),
    aKept('output'),
    aKept('shown', { is_shown: true }),
    aKept('seen', { cell_id: 'c' }),
    aKept('dropped', { dropped: 'no room', names: ['x'] }),
    aKept('active', { status: 'running', ended_at: null })
  ];
  expect(ids(missedRuns(runs, new Map([['c', 1001]])))).toBe('names,output');
  // The page has run the cell again since.
  expect(ids(missedRuns(runs, new Map([['c', 1900]])))).toBe('names,output,seen');
});

test('a file has what has ended, and what its page has seen', () => {
  const runs = [
    aRun('1', { cell_id: 'c', status: 'done' }),
    aRun('2', { cell_id: 'c' }),
    aRun('3', { cell_id: 'c', status: 'done', notebook: 'b.ipynb' }),
    aRun('4', { cell_id: 'd', status: 'failed' })
  ];
  expect(ids(runsInFile(runs, notebook, new Map([['c', 1000]])))).toBe('1');
});

/** Outputs as a cell's model keeps them: a delayed clearing comes with the next output. */
class Outputs implements IOutputs {
  readonly list: object[] = [{ text: 'of before' }];
  private clearsNext = false;

  add(output: object): number {
    if (this.clearsNext) {
      this.clear();
    }
    return this.list.push(output);
  }

  set(index: number, output: object): void {
    this.list[index] = output;
  }

  clear(wait = false): void {
    this.clearsNext = wait;
    if (!wait) {
      this.list.length = 0;
    }
  }
}

function written(...messages: readonly IOutputMessage[]): readonly object[] {
  const outputs = new Outputs();
  const writer = new OutputWriter(outputs);
  messages.forEach(message => writer.write(message));
  return outputs.list;
}

const display = (text: string, id = 'd'): IOutputMessage => ({
  output_type: 'display_data',
  data: { 'text/plain': text },
  transient: { display_id: id }
});
const shown = (text: string): object => ({
  output_type: 'display_data',
  data: { 'text/plain': text }
});
const update = (text: string): IOutputMessage => ({
  ...display(text),
  output_type: 'update_display_data'
});

describe('OutputWriter', () => {
  it('begins with nothing', () => {
    expect(written()).toEqual([]);
  });

  it('updates all displays of an id, in their places', () => {
    expect(written(display('1'), display('2', 'e'), display('3'), update('4'))).toEqual([
      shown('4'),
      shown('2'),
      shown('4')
    ]);
  });

  it('clears now', () => {
    expect(written(display('1'), { output_type: 'clear_output' }, update('2'))).toEqual(
      []
    );
  });

  it('clears with the next output, and knows older displays until then', () => {
    const clear = { output_type: 'clear_output', wait: true };
    expect(written(display('1'), clear, update('2'))).toEqual([shown('2')]);
    expect(written(display('1'), clear, display('2', 'e'), update('3'))).toEqual([
      shown('2')
    ]);
  });
});
