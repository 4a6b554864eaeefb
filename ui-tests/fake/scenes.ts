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
          ended_at: now - 599.3 + 20 * index + 7 * (index % 2),
          traffic: {
            where: 'cluster',
            why: index === 5 ? "line 3: f changes 'seen': ran in order" : '',
            sent_bytes: 3.1e6 * (6 - index),
            received_bytes: 48_000,
            reused_bytes: 1.24e9 * index,
            notes: []
          }
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
          'ValueError: Found input variables with inconsistent numbers of samples: [1347, 1346]',
        traceback: [
          'Traceback (most recent call last)',
          'Cell In[10], line 1',
          '----> 1 model.fit(X_train, y_train[:-1])',
          '',
          'ValueError: Found input variables with inconsistent numbers of samples: [1347, 1346]'
        ].join('\n')
      }),
      aRun('here', {
        cluster: '',
        notebook: NOTEBOOK,
        status: 'done',
        execution_count: 9,
        first_line: 'log.write(summary)',
        started_at: now - 90,
        ended_at: now - 89.6,
        traffic: {
          where: 'here',
          why: "the name 'log' is an open file (TextIOWrapper)",
          sent_bytes: 0,
          received_bytes: 0,
          reused_bytes: 0,
          notes: []
        }
      }),
      aRun('running', {
        notebook: NOTEBOOK,
        execution_count: 11,
        first_line: 'results = [score(params) for params in grid]',
        started_at: now - 12,
        loops: [
          aLoop({
            line: 2,
            total: 72,
            done: 29,
            running: 2,
            queued: 41,
            ends_at: now + 14
          }),
          aLoop({
            line: 5,
            total: 1000,
            done: 0,
            running: 0,
            queued: 1000,
            ends_at: null,
            rate_per_s: null,
            speedup: null
          })
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

const UNREACHABLE = [
  'host node17 failed: it does not answer on port 22 (connection timed out).',
  'Is it switched on, and does `ssh node17` work in a terminal on the computer of the Jupyter server?'
].join('\n');

const NO_DISK = [
  'the node process on a100-3.cluster.physics.example.org did not start: exit status 1',
  'Its last lines:',
  '    OSError: [Errno 28] No space left on device',
  "    while writing '/var/tmp/jupyter-scale/clusters/lab-2/workers/a100-3/spill'",
  'Its log is /var/tmp/jupyter-scale/clusters/lab-2/node.log there.'
].join('\n');

/** Twenty machines on their way up, each as far as it has come. */
export function machines(now: number): Scene {
  const doings = [
    'connecting',
    'logged in',
    'checking its environment',
    'installing packages 41/112',
    'bringing 268 files 12/268',
    'checking jupyter-scale there',
    'prepared',
    'starting'
  ];
  const names = Array.from({ length: 20 }, (_, index) => `node${index + 1}`);
  return {
    clusters: [
      aCluster('lab-2', {
        name: 'lab',
        provider: 'ssh',
        status: 'starting',
        started_at: now - 14,
        steps: [
          { step: 'security', message: 'making certificates', at: now - 14 },
          { step: 'node', message: 'starting scheduler', at: now - 13 },
          // The last of them has not been heard of yet.
          ...names.slice(0, -1).map((name, index) => ({
            step: `node ${name}`,
            message: `${name}: ${doings[index % doings.length] ?? ''}`,
            at: now - 12
          })),
          { step: 'workers', message: 'workers 16/64', at: now - 1 }
        ],
        nodes: names.map((name, index) => {
          const hasFailed = name === 'node17';
          const isUp = index % doings.length === doings.length - 1;
          return aNode(name, {
            status: hasFailed ? 'failed' : 'starting',
            error: hasFailed ? UNREACHABLE : '',
            workers: isUp ? 8 : 0,
            workers_wanted: isUp ? 8 : 0,
            cpu_percent: null,
            memory_used_bytes: null
          });
        })
      })
    ]
  };
}

/** Twenty machines of two pools at work; some have failed, one is started again. */
export function fleet(now: number): Scene {
  const cpus = Array.from({ length: 16 }, (_, index) =>
    index === 9
      ? failedNode('node17', 'cpu', UNREACHABLE)
      : aNode(`node${index + 1}`, {
          pool: 'cpu',
          workers: 16,
          workers_wanted: 16,
          cpu_percent: (index * 137) % 1600,
          memory_used_bytes: 4e9 * (index % 15),
          memory_limit_bytes: 64e9
        })
  );
  return {
    clusters: [
      aCluster('lab-2', {
        name: 'lab',
        provider: 'ssh',
        started_at: now - 7300,
        steps: [
          { step: 'node node4', message: 'node4: starting it again', at: now - 4 },
          { step: 'running', message: 'running', at: now - 7200 }
        ],
        nodes: [
          ...cpus.map(node =>
            node.name === 'node4'
              ? { ...node, status: 'starting' as const, workers: 0 }
              : node
          ),
          { ...gpuNode('a100-1.cluster.physics.example.org', 1), pool: 'gpu' },
          { ...gpuNode('a100-2.cluster.physics.example.org', 1), pool: 'gpu' },
          failedNode('a100-3.cluster.physics.example.org', 'gpu', NO_DISK),
          { ...gpuNode('a100-4.cluster.physics.example.org', 1), pool: 'gpu' }
        ]
      })
    ]
  };
}

/** Many nodes; the first is at 10 percent of its load, then 20 and so on, as time goes by. */
export function crowd(count: number, second = 0): Scene {
  const { gpus, gpu } = gpuNode('', 8);
  return {
    clusters: [
      aCluster('big', {
        started_at: 1_789_990_000,
        nodes: Array.from({ length: count }, (_, index) =>
          aNode(`node-${index}`, {
            cpu_percent: (index * 37 + 20 * second) % 200,
            gpus,
            gpu
          })
        )
      })
    ]
  };
}

function failedNode(name: string, pool: string, error: string): INodeView {
  return aNode(name, {
    pool,
    error,
    status: 'failed',
    workers: 0,
    workers_wanted: 8,
    cpu_percent: 0,
    memory_used_bytes: 0,
    memory_limit_bytes: 0
  });
}

function gpuNode(name: string, count: number): INodeView {
  const gpus = Array.from({ length: count }, (_, index): IGpuView => ({
    index,
    name: 'NVIDIA A10G',
    utilisation_percent: [97, 37, 88, 12][index % 4] ?? 0,
    memory_used_bytes: [18.4e9, 9.4e9, 21.9e9, 0.4e9][index % 4] ?? 0,
    memory_total_bytes: 24.1e9,
    temperature_c: 71 - 20 * (index % 3),
    power_w: 214 - 60 * (index % 3),
    processes: index === 0 ? 2 : 1
  }));
  return aNode(name, {
    gpus,
    memory_limit_bytes: 64e9,
    network_in_bytes_per_s: 118e6,
    network_out_bytes_per_s: 2.4e6,
    disk_read_bytes_per_s: 142e6,
    disk_write_bytes_per_s: 310e6,
    ssh: `ssh ${name}`
  });
}

/** One node with eight GPUs. */
export function gpuBox(now: number): Scene {
  return {
    clusters: [
      aCluster('box', {
        name: 'box',
        provider: 'ssh',
        started_at: now - 5000,
        nodes: [
          { ...gpuNode('dgx.physics.example.org', 8), workers: 8, workers_wanted: 8 }
        ]
      })
    ],
    runs: [
      aRun('train', {
        cluster: 'box',
        notebook: NOTEBOOK,
        first_line: 'losses = [train(fold) for fold in folds]',
        started_at: now - 300,
        loops: [
          aLoop({
            total: 8,
            done: 3,
            running: 5,
            queued: 0,
            ends_at: now + 400,
            rate_per_s: 0.012,
            speedup: 4.6
          })
        ]
      })
    ]
  };
}
