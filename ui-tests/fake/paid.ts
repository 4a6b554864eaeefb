/**
 * Clusters that cost, and what can be rented, as the server would tell it.
 */
import type { ISnapshot } from '../../labextension/src/feed';
import { aCluster, aCost, aGpu, aNode, aRun } from '../../labextension/src/testing/views';

/** A cluster within its limit, one near it, one of which a price is not known. */
export function paid(now: number): Partial<ISnapshot> {
  const gpu = (name: string): ReturnType<typeof aNode> =>
    aNode(name, { pool: 'gpu', gpus: [aGpu(0, 91)], memory_limit_bytes: 16e9 });
  return {
    clusters: [
      aCluster('train-1', {
        name: 'train',
        provider: 'aws',
        started_at: now - 7400,
        idle_since: now - 90,
        cost: aCost({
          usd: 2.1,
          at: now - 600,
          usd_per_h: 2.412,
          max_usd: 20,
          ends_at: now + 26_000
        }),
        nodes: [
          gpu('gpu-1'),
          gpu('gpu-2'),
          aNode('cpu-1', { pool: 'cpu', workers: 4, workers_wanted: 8 })
        ]
      }),
      aCluster('sweep-2', {
        name: 'sweep',
        provider: 'aws',
        started_at: now - 30_000,
        cost: aCost({
          usd: 8.4,
          at: now - 60,
          usd_per_h: 1.006,
          max_usd: 10,
          ends_at: now + 5000
        }),
        nodes: [gpu('gpu-1')]
      }),
      aCluster('odd-3', {
        name: 'odd',
        provider: 'aws',
        started_at: now - 300,
        idle_since: now - 1700,
        cost: aCost({ usd: null, usd_per_h: null, max_usd: 5 }),
        nodes: [aNode('cpu-1')]
      })
    ],
    runs: [aRun('r', { cluster: 'sweep-2', started_at: now - 40 })]
  };
}

/** Types of instances of a region. */
export const OFFERS = {
  offers: [
    anOffer('m5.xlarge', 4, 16e9, [], 0.192, 0.071),
    anOffer('c7i.8xlarge', 32, 64e9, [], 1.428, null),
    anOffer('g4dn.xlarge', 4, 16e9, ['T4'], 0.526, 0.158),
    anOffer('g5.xlarge', 4, 16e9, ['A10G'], 1.006, 0.43),
    anOffer('g5.12xlarge', 48, 192e9, Array<string>(4).fill('A10G'), null, 2.13),
    anOffer('p5.48xlarge', 192, 2048e9, Array<string>(8).fill('H100'), null, null)
  ]
};

function anOffer(
  name: string,
  cores: number,
  memory: number,
  gpus: readonly string[],
  usdPerHour: number | null,
  spot: number | null
): object {
  return {
    name,
    cores,
    memory_bytes: memory,
    gpus,
    usd_per_h: usdPerHour,
    spot_usd_per_h: spot,
    source: usdPerHour === null ? 'the price list cannot be asked' : 'AWS price list'
  };
}
