/**
 * What the panel may have to show, as the feed would tell it.
 */
import type { IGpuView, INodeView, ISnapshot } from '../../labextension/src/feed';
import { aCluster, aLoop, aNode, aRun } from '../../labextension/src/testing/views';

const NOTEBOOK = 'studies/digits/hyperparameters of a support vector machine.ipynb';

type Scene = Partial<ISnapshot>;

/** A start, after its third step. */
export function starting(now: number): Scene {
  return {
    clusters: [
      aCluster('local-1', {
        name: 'local',
        status: 'starting',
        started_at: now - 2,
        steps: [
          { step: 'security', message: 'certificates made', at: now - 2 },
          { step: 'node', message: 'node local-0 started', at: now - 1.6 },
          { step: 'workers', message: 'workers 1/2', at: now - 0.5 }
        ],
        nodes: [
          aNode('local-0', {
            status: 'starting',
            workers: 1,
            cpu_percent: null,
            memory_used_bytes: null
          })
        ]
      })
    ]
  };
}

/** A start that failed: the only cluster there is. */
export function failed(now: number): Scene {
  return {
    clusters: [
      aCluster('local-1', {
        name: 'local',
        status: 'failed',
        started_at: now - 40,
        error:
          'Node local-0 did not start: OSError: [Errno 28] No space left on device: its log is in the runtime directory.',
        steps: [
          { step: 'security', message: 'certificates made', at: now - 40 },
          { step: 'node', message: 'node local-0 started', at: now - 39 }
        ],
        nodes: []
      })
    ]
  };
}

/** Two workers, one cell with two loops, some cells that ended in each way. */
export function working(now: number): Scene {
  return {
    clusters: [
      aCluster('local-1', {
        name: 'local',
        started_at: now - 754,
        nodes: [
          aNode('local-0', {
            cpu_percent: 171,
            memory_used_bytes: 1.34e9,
            memory_limit_bytes: 8.2e9
          })
        ]
      })
    ],
    runs: [
      ...Array.from({ length: 6 }, (_, index) =>
        aRun(`done-${index}`, {
          notebook: NOTEBOOK,
          status: 'done',
          execution_count: 4 + index,
          first_line: `X_${index} = prepare(X, window=${index})`,
          started_at: now - 600 + 20 * index,
          ended_at: now - 599.3 + 20 * index + 7 * (index % 2)
        })
      ),
      aRun('failed', {
        notebook: NOTEBOOK,
        status: 'failed',
        execution_count: 10,
        first_line: 'model.fit(X_train, y_train[:-1])',
        started_at: now - 70,
        ended_at: now - 67.6,
        error:
          'Traceback (most recent call last):\n  …\nValueError: Found input variables with inconsistent numbers of samples: [1347, 1346]'
      }),
      aRun('running', {
        notebook: NOTEBOOK,
        execution_count: 11,
        first_line: 'results = [score(params) for params in grid]',
        started_at: now - 12,
        loops: [
          aLoop({ line: 2, total: 72, done: 29, running: 2, ends_at: now + 14 }),
          aLoop({ line: 5, total: 1000, done: 0, running: 0, failed: 0, ends_at: null })
        ]
      }),
      aRun('queued', {
        notebook: 'plots.ipynb',
        status: 'queued',
        execution_count: 0,
        first_line:
          'draws = [model.score(*resample(X_test, y_test)) for _ in range(100)]',
        started_at: now - 3
      }),
      aRun('interrupted', {
        notebook: 'plots.ipynb',
        status: 'interrupted',
        execution_count: 2,
        first_line: 'simulate(forever=True)',
        started_at: now - 300,
        ended_at: now - 250
      }),
      aRun('lost', {
        notebook: 'plots.ipynb',
        status: 'lost',
        execution_count: 1,
        first_line: 'allocate(everything)',
        started_at: now - 400,
        ended_at: now - 390
      })
    ]
  };
}

/** Idle clusters here and elsewhere, GPUs, a failure, long names. */
export function mixed(now: number): Scene {
  return {
    profiles: ['lab', 'train'],
    clusters: [
      aCluster('local-1', {
        name: 'local',
        started_at: now - 3700,
        idle_since: now - 90
      }),
      aCluster('train-7', {
        name: 'train-on-a-very-long-profile-name-of-the-department',
        provider: 'aws',
        started_at: now - 90_000,
        nodes: [
          gpuNode('ip-10-0-31-127.eu-central-1.compute.internal', 2),
          aNode('ip-10-0-31-128', { workers: 3, workers_wanted: 8, cpu_percent: 290 })
        ]
      }),
      aCluster('embedded-3', {
        name: 'embedded',
        owner: 'kernel',
        started_at: now - 30,
        nodes: [aNode('embedded-0', { memory_limit_bytes: null })]
      }),
      aCluster('lab-2', {
        name: 'lab',
        provider: 'ssh',
        status: 'failed',
        error:
          'node2: Host key verification failed. If the new key is right, accept it with: ssh-keygen -R node2 && ssh node2',
        nodes: []
      })
    ]
  };
}

/** Many nodes; the first is at 10 percent of its load, then 20 and so on, as time goes by. */
export function crowd(count: number, second = 0): Scene {
  return {
    clusters: [
      aCluster('big', {
        nodes: Array.from({ length: count }, (_, index) =>
          aNode(`node-${index}`, { cpu_percent: (index * 37 + 20 * second) % 200 })
        )
      })
    ]
  };
}

function gpuNode(name: string, count: number): INodeView {
  const gpus = Array.from({ length: count }, (_, index): IGpuView => ({
    index,
    name: 'NVIDIA A10G',
    utilisation_percent: 97 - 60 * index,
    memory_used_bytes: 18.4e9 - 9e9 * index,
    memory_total_bytes: 24.1e9,
    temperature_c: 71 - 20 * index,
    power_w: 214 - 120 * index
  }));
  return aNode(name, { gpus, memory_limit_bytes: 64e9 });
}
