import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import {
  costAt,
  formatPerHour,
  formatUsd,
  isPaid,
  spentShare,
  totalPerHour
} from './cost';
import { aCluster, aCost } from './testing/views';

const trans = nullTranslator.load('jupyter_scale');

describe('what a cluster costs', () => {
  it('is reckoned on from what was told', () => {
    const cost = aCost({ usd: 2, at: 1000, usd_per_h: 3 });
    expect(costAt(cost, 1000 + 1800)).toBe(3.5);
    expect(costAt(cost, 900)).toBe(2);
  });

  it('is not known when one part of it is not', () => {
    expect(costAt(aCost({ usd: null }), 2000)).toBeNull();
    expect(costAt(aCost({ usd_per_h: null }), 2000)).toBeNull();
    expect(spentShare(aCost({ usd_per_h: null, max_usd: 5 }), 2000)).toBeNull();
  });

  it('is a share of what it may cost, all of it at most', () => {
    const cost = aCost({ usd: 4, at: 0, usd_per_h: 0, max_usd: 5 });
    expect(spentShare(cost, 10)).toBe(0.8);
    expect(spentShare({ ...cost, usd: 7 }, 10)).toBe(1);
    expect(spentShare({ ...cost, max_usd: null }, 10)).toBeNull();
  });
});

describe('what all cost', () => {
  const free = aCluster('a');
  const paid = aCluster('b', { cost: aCost({ usd_per_h: 0.5 }) });
  const unknown = aCluster('c', { cost: aCost({ usd_per_h: null }) });

  it('is a sum, or not known', () => {
    expect(totalPerHour([free, paid, paid])).toBe(1);
    expect(totalPerHour([free])).toBe(0);
    expect(totalPerHour([paid, unknown])).toBeNull();
  });

  it('is of interest when anything is paid for', () => {
    expect(isPaid([free])).toBe(false);
    expect(isPaid([free, unknown])).toBe(true);
  });
});

describe('money', () => {
  it('has more digits when it is little', () => {
    expect(formatUsd(0)).toBe('0.00 USD');
    expect(formatUsd(0.0104)).toBe('0.0104 USD');
    expect(formatUsd(1.239)).toBe('1.24 USD');
  });

  it('says when a price is not known', () => {
    expect(formatPerHour(0.526, trans)).toBe('0.53 USD/h');
    expect(formatPerHour(null, trans)).toBe('price unknown');
  });
});
