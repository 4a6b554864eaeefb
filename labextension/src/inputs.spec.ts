import { nullTranslator } from '@jupyterlab/translation';
import { expect, test } from 'vitest';

import { withOf } from './inputs';
import { anInput, aRun } from './testing/views';

const trans = nullTranslator.load('');

test('what each loop was at, and the iteration of the innermost, which is first', () => {
  const inputs = [
    anInput({ values: ["row = {'id': 7}"], index: 3 }),
    anInput({ values: ['alpha = 0.1', 'fold = 2'], index: 12 })
  ];
  expect(withOf([aRun('r', { inputs })], trans)).toEqual([
    { values: ['alpha = 0.1, fold = 2', "row = {'id': 7}"], aside: 'iteration 12' }
  ]);
});

test('a call is said as one, and an iteration that nobody has counted is not', () => {
  const call = anInput({
    call: 'score',
    values: ['alpha = 0.1', 'X = <DataFrame (9, 2)>']
  });
  expect(withOf([aRun('r', { inputs: [call] })], trans)).toEqual([
    { values: ['score(alpha = 0.1, X = <DataFrame (9, 2)>)'], aside: '' }
  ]);
});

test('of many failures the first few are said, each once', () => {
  const runs = [1, 1, 2, 3, 4].map((alpha, index) =>
    aRun(String(index), { inputs: [anInput({ values: [`alpha = ${alpha}`], index: 0 })] })
  );
  const said = withOf([aRun('none'), ...runs], trans);
  expect(said.map(({ values }) => values.join())).toEqual([
    'alpha = 1',
    'alpha = 2',
    'alpha = 3'
  ]);
  expect(said[0]?.aside).toBe('iteration 0');
});
