/**
 * What a cluster costs, reckoned on from what the feed told last. Pure.
 *
 * Money is US dollars. What is not known is null, and said so: never a guess.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IClusterView, ICostView } from './feed';

/** From this share of what it may cost on, its user is warned. */
export const WARNED_SHARE = 0.8;

/** What a cluster has cost at that time (Unix seconds); null when it is not known. */
export function costAt(
  { usd, at, usd_per_h: perHour }: ICostView,
  now: number
): number | null {
  if (usd === null || perHour === null) {
    return null;
  }
  return usd + (Math.max(0, now - at) / 3600) * perHour;
}

/** Which part of what it may cost is spent, from 0 to 1; null without a limit, or when unknown. */
export function spentShare(cost: ICostView, now: number): number | null {
  const spent = costAt(cost, now);
  return spent === null || !cost.max_usd ? null : Math.min(1, spent / cost.max_usd);
}

/** What all clusters together cost an hour; null when one price is not known, 0 for none. */
export function totalPerHour(clusters: readonly IClusterView[]): number | null {
  let total = 0;
  for (const { cost } of clusters) {
    if (cost?.usd_per_h === null) {
      return null;
    }
    total += cost?.usd_per_h ?? 0;
  }
  return total;
}

/** Whether anything of these is paid for. */
export function isPaid(clusters: readonly IClusterView[]): boolean {
  return clusters.some(({ cost }) => cost !== null);
}

/** An amount as people write it, more digits for small ones: `0.53 USD`, `0.0104 USD`. */
export function formatUsd(usd: number): string {
  return `${usd.toFixed(usd > 0 && usd < 0.1 ? 4 : 2)} USD`;
}

/** A price for an hour: `0.53 USD/h`, or that it is not known. */
export function formatPerHour(
  usdPerHour: number | null,
  trans: TranslationBundle
): string {
  return usdPerHour === null
    ? trans.__('price unknown')
    : trans.__('%1/h', formatUsd(usdPerHour));
}
