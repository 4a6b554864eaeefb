/**
 * All states of the panel that have a look of their own.
 */
import type { ISnapshot } from '../../labextension/src/feed';
import { paid } from './paid';
import { failed, fleet, gpuBox, machines, mixed, starting, working } from './scenes';
import { troubled } from './streams';

/** A state, and what it shows at that time. */
export const PANELS: Record<string, (now: number) => Partial<ISnapshot>> = {
  empty: () => ({}),
  starting,
  failed,
  machines,
  fleet,
  gpuBox,
  working,
  paid,
  mixed: now => ({ ...mixed(now), runs: working(now).runs ?? [] }),
  troubled
};
