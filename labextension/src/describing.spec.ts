import { nullTranslator } from '@jupyterlab/translation';
import { expect, test } from 'vitest';

import { allHosts, check, fieldOf, FIRST, freeName, toTable } from './describing';

const trans = nullTranslator.load('');

test('a name that is not taken is proposed', () => {
  expect(freeName('ssh', ['local'])).toBe('lab');
  expect(freeName('ssh', ['lab', 'lab2'])).toBe('lab3');
});

test('hosts are picked and typed, each once', () => {
  const form = { ...FIRST, hosts: ['a', 'b'], otherHosts: ' me@c:22, b\nd ' };
  expect(allHosts(form)).toEqual(['a', 'b', 'me@c:22', 'd']);
});

test('a cluster on this computer', () => {
  expect(toTable({ ...FIRST, idleTimeout: '' })).toEqual({
    provider: 'local',
    idle_timeout: null,
    orphan_after: '2h',
    pools: null
  });
  expect(toTable({ ...FIRST, workers: 3 }).pools).toEqual([{ workers: 3 }]);
});

test('a cluster of machines over SSH', () => {
  const table = toTable({ ...FIRST, provider: 'ssh', hosts: ['node1'], workers: 4 });
  expect(table).toEqual({
    provider: 'ssh',
    idle_timeout: '30m',
    orphan_after: '2h',
    pools: [{ hosts: ['node1'], workers: 4 }]
  });
});

test('a cluster of instances', () => {
  const form = {
    ...FIRST,
    provider: 'aws',
    instanceType: ' g5.xlarge ',
    count: 2,
    isSpot: true,
    maxCost: 20
  } as const;
  expect(toTable(form)).toEqual({
    provider: 'aws',
    region: 'us-east-1',
    max_cost: 20,
    idle_timeout: '30m',
    orphan_after: '2h',
    pools: [{ instance_type: 'g5.xlarge', count: 2, spot: true }]
  });
});

test('what is missing is said of its field', () => {
  expect(check(FIRST, ['local'], trans)).toEqual({});
  expect(Object.keys(check({ ...FIRST, name: ' ' }, [], trans))).toEqual(['name']);
  expect(check({ ...FIRST, name: 'lab' }, ['lab'], trans).name).toContain('another one');
  expect(Object.keys(check({ ...FIRST, provider: 'ssh' }, [], trans))).toEqual([
    'otherHosts'
  ]);
  const aws = { ...FIRST, provider: 'aws', region: '', idleTimeout: 'soon' } as const;
  expect(Object.keys(check(aws, [], trans))).toEqual([
    'region',
    'instanceType',
    'idleTimeout'
  ]);
});

test('keys of a profile have fields', () => {
  expect(fieldOf('hosts')).toBe('otherHosts');
  expect(fieldOf('speed')).toBeNull();
});
