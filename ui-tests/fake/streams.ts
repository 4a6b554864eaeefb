/**
 * A log with some troubles, and workers at their tasks, as the server would tell them.
 */
import type { ILogLine, ISnapshot, ITaskRow, ITasks } from '../../labextension/src/feed';
import {
  aCluster,
  aCost,
  aLine,
  aNode,
  aRun
} from '../../labextension/src/testing/views';

/** A cluster that lost a node, after a start of many steps. */
export function troubled(now: number): Partial<ISnapshot> {
  return {
    clusters: [
      aCluster('train-1', {
        name: 'train',
        provider: 'aws',
        started_at: now - 900,
        cost: aCost({ usd: 3.2, at: now - 10, max_usd: 10 }),
        nodes: [
          aNode('gpu-1'),
          aNode('gpu-2', {
            status: 'failed',
            workers: 0,
            error: 'host gpu-2: it is silent'
          })
        ]
      })
    ],
    log: linesOf(now)
  };
}

function linesOf(now: number): readonly ILogLine[] {
  const of = { cluster: 'train-1', name: 'train' };
  const steps = ['ordering', 'is running', 'connecting', 'making its directory', 'ready'];
  const start = ['gpu-1', 'gpu-2'].flatMap(node => steps.map(text => ({ node, text })));
  const rest: Partial<ILogLine>[] = [
    { text: 'running' },
    {
      text: '[7] model.fit(X_train, y_train[:-1]): ValueError: Found input variables with inconsistent numbers of samples: [1347, 1346]',
      level: 'error',
      run: 'r'
    },
    {
      text: 'a worker has ended: 1 of 2 are there',
      level: 'warning',
      node: 'gpu-1'
    },
    {
      text: 'worker 1: Worker is at 81% memory usage. Pausing worker. Process memory: 3.1 GiB (3 times)',
      level: 'warning',
      node: 'gpu-1',
      source: 'worker'
    },
    {
      text: 'lost: host gpu-2: it is silent',
      level: 'error',
      node: 'gpu-2',
      notice: 'node-lost',
      matter: 'node-lost train-1 gpu-2 1'
    }
  ];
  return [...start, ...rest].map((line, index, { length }) =>
    aLine(index + 1, { ...of, at: now - 10 * (length - index), ...line })
  );
}

/** A line of a limit that is near. */
export function costLine(now: number): ILogLine {
  return aLine(100, {
    at: now,
    cluster: 'train-1',
    name: 'train',
    level: 'warning',
    text: '80% of the 10.00 USD are spent that it may cost',
    notice: 'cost',
    matter: 'cost train-1 10.0 0.8'
  });
}

/** Three cells on some workers. */
export function atTasks(now: number): Partial<ISnapshot> {
  const cells = ['scores = [cross_val(a) for a in alphas]', 'sim = run(1e6)', 'fit(X)'];
  return {
    clusters: [aCluster('lab-1', { name: 'lab', started_at: now - 900 })],
    runs: cells.map((first_line, index) =>
      aRun(`run-${index}`, {
        cluster: 'lab-1',
        first_line,
        execution_count: index + 4,
        started_at: now - 60 + 20 * index,
        ended_at: index < 2 ? now - 41 + 20 * index : null,
        status: index < 2 ? 'done' : 'running'
      })
    )
  };
}

/** What so many workers did in the last minutes: rows of about half a second, with pauses. */
export function tasksOf(
  now: number,
  workers: number,
  spans: number
): Omit<ITasks, 'type'> {
  const each = 300 / spans;
  const rows: ITaskRow[] = [];
  for (let worker = 0; worker < workers; worker++) {
    for (let index = 0; index < spans; index++) {
      const start = now - 300 + each * index;
      const run = start < now - 40 ? 0 : start < now - 20 ? 1 : 2;
      const isIdle = (index + worker) % 11 === 0;
      if (!isIdle) {
        const seconds = each * (run === 1 ? 0.98 : 0.9);
        const busy = seconds * (run === 0 ? 0.5 : 1);
        const failed = (index + 3 * worker) % 97 === 5 ? 1 : 0;
        rows.push([worker, start, seconds, busy, run === 0 ? 12 : 1, failed, run]);
      }
    }
    if (worker % 4 === 1) {
      rows.push([worker, now - 0.5, 0, 0, 0, 0, 2]);
    }
  }
  return {
    sent_at: now,
    cluster: 'lab-1',
    is_anew: true,
    workers: Array.from(
      { length: workers },
      (_, index) => `node-${index >> 3}/${index % 8}`
    ),
    runs: ['run-0', 'run-1', 'run-2'],
    rows
  };
}
