/**
 * What a notebook has on the cluster: its kernel's answer, sorted, and what its cells sent. Pure.
 */
import {
  FEED_VERSION,
  type HoldingState,
  type IHolding,
  type IHoldings,
  type IRunView,
  type ITraffic
} from './feed';

/** What the list can be sorted by. */
export type HoldingKey = 'name' | 'size' | 'state';

/** One name on the cluster. */
export interface IHeld {
  /** Of all rows; one name may be on several nodes. */
  readonly id: string;
  readonly name: string;
  readonly typeName: string;
  readonly form: string;
  readonly bytes: number | null;
  readonly state: HoldingState;
  readonly node: string;
  readonly why: string;
  readonly canFetch: boolean;
  readonly canFree: boolean;
}

/** The expression by which a kernel is asked; it loads nothing into kernels that have no use for it. */
export function askingFor(stamp: string): string {
  return `__import__('sys').modules['jupyter_scale.magics'].held('${stamp}')`;
}

/** What a kernel says; null if it is of another version than this page. */
export function readHoldings(said: unknown): IHoldings | null {
  const holdings = said as IHoldings | null;
  return typeof holdings === 'object' && holdings?.version === FEED_VERSION
    ? holdings
    : null;
}

/** The rows of an answer. */
export function rowsOf(names: readonly IHolding[]): readonly IHeld[] {
  return names.map(
    ([name, typeName, form, bytes, state, node, why, canTravel, isNamed], index) => ({
      id: isNamed ? `${node}/${name}` : `${node}/${index}`,
      name,
      typeName,
      form,
      bytes,
      state,
      node,
      why,
      canFetch: state === 'stays' && canTravel && isNamed,
      canFree: isNamed
    })
  );
}

/** What has to be looked after comes first. */
const RANKS: readonly HoldingState[] = ['stays', 'changed', 'unchecked', 'gone', 'same'];

/** Sort rows: the largest first, by name as people count, or what is not the same first. */
export function sortHeld(rows: readonly IHeld[], key: HoldingKey): readonly IHeld[] {
  const byName = (a: IHeld, b: IHeld): number =>
    collator.compare(a.name, b.name) || collator.compare(a.node, b.node);
  const orders: Record<HoldingKey, (a: IHeld, b: IHeld) => number> = {
    name: byName,
    size: (a, b) => (b.bytes ?? -1) - (a.bytes ?? -1) || byName(a, b),
    state: (a, b) => RANKS.indexOf(a.state) - RANKS.indexOf(b.state) || byName(a, b)
  };
  return [...rows].sort(orders[key]);
}

const collator = new Intl.Collator(undefined, { numeric: true });

/** So many cells count as the last ones. */
export const LAST_CELLS = 10;

/** A run on the cluster of which it is known what travelled. */
export type CountedRun = IRunView & { readonly traffic: ITraffic };

/** The last runs of a kernel on the cluster that have ended, the latest first. */
export function lastCells(
  runs: readonly IRunView[],
  kernelId: string
): readonly CountedRun[] {
  return runs
    .filter(
      (run): run is CountedRun =>
        run.kernel_id === kernelId && run.traffic?.where === 'cluster'
    )
    .sort((a, b) => b.started_at - a.started_at)
    .slice(0, LAST_CELLS);
}

/** What these cells sent, and what they did not have to send. */
export function sumTraffic(runs: readonly CountedRun[]): {
  readonly sent: number;
  readonly reused: number;
} {
  return {
    sent: runs.reduce((sum, { traffic }) => sum + traffic.sent_bytes, 0),
    reused: runs.reduce((sum, { traffic }) => sum + traffic.reused_bytes, 0)
  };
}
