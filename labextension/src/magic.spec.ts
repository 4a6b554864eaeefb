import { describe, expect, it, test } from 'vitest';

import { explainMagic, findMagic, toggleMagic } from './magic';

describe('findMagic', () => {
  test.each([
    ['%%scale', ''],
    ['%%scale\nx = 1', ''],
    ['%%scale --gpu 1\nx = 1', '--gpu 1'],
    ['%%scale \t --on big  \nx', '--on big'],
    ['\n  \n%%scale --serial\nx', '--serial'],
    ['  %%scale\n  x', ''],
    ['%%scale --gpu 1\r\nx', '--gpu 1']
  ])('%j has it, with options %j', (source, options) => {
    expect(findMagic(source)?.options).toBe(options);
  });

  test.each([
    '',
    'x = 1',
    '%scale up lab',
    '%%scaled\nx',
    '%%scale?',
    '%%time\n%%scale\nx',
    'x\n%%scale',
    '# %%scale',
    '"%%scale"'
  ])('%j is plain', source => {
    expect(findMagic(source)).toBeNull();
  });

  it('says which line it is', () => {
    expect(findMagic('\n\n%%scale\nx')?.line).toBe(2);
  });
});

describe('toggleMagic', () => {
  test.each([
    ['x = 1', '', '%%scale\nx = 1'],
    ['x = 1', '--gpu 1', '%%scale --gpu 1\nx = 1'],
    ['x = 1', '   ', '%%scale\nx = 1'],
    ['', '', '%%scale\n'],
    ['%%time\nf()', '', '%%scale\n%%time\nf()'],
    ['%%scale\nx = 1', '--gpu 1', 'x = 1'],
    ['%%scale', '', ''],
    ['\n%%scale --serial\n\nx', '', '\n\nx']
  ])('%j with options %j becomes %j', (source, options, expected) => {
    expect(toggleMagic(source, options).source).toBe(expected);
  });

  test.each(['', 'x', 'def f():\n    return 1\n', '\nx', '%%time\nx', 'é\n𝄞'])(
    'twice gives %j again',
    source => {
      const there = toggleMagic(source, '--gpu 1');
      const back = toggleMagic(there.source);
      expect(back.source).toBe(source);
      expect(back.options).toBe('--gpu 1');
    }
  );

  test.each(['x', '%%scale --gpu 1\nx', '\n\n%%scale\nx'])(
    'its edit turns %j into the new text',
    source => {
      const { edit, source: changed } = toggleMagic(source, '--serial');
      expect(source.slice(0, edit.start) + edit.text + source.slice(edit.end)).toBe(
        changed
      );
    }
  );

  test.each([
    ['x\ny', { line: 1, column: 1 }, { line: 2, column: 1 }],
    ['%%scale\nx\ny', { line: 2, column: 1 }, { line: 1, column: 1 }],
    ['%%scale\nx', { line: 0, column: 5 }, { line: 0, column: 0 }],
    ['\n%%scale\nx', { line: 0, column: 0 }, { line: 0, column: 0 }]
  ])('of %j moves %j to %j', (source, position, expected) => {
    expect(toggleMagic(source).movePosition(position)).toEqual(expected);
  });
});

test.each([
  ['x = 1', '', '%%scale --explain\nx = 1'],
  ['x = 1', '--gpu 1', '%%scale --explain --gpu 1\nx = 1'],
  ['%%scale\nx = 1', '--gpu 1', '%%scale --explain\nx = 1'],
  ['\n%%scale --on big\n\nx = 1\n', '', '%%scale --explain --on big\n\n\nx = 1\n']
])('%j is explained', (source, options, explained) => {
  expect(explainMagic(source, options)).toBe(explained);
});
