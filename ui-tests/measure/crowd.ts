/**
 * The cluster that is not there, of benchmarks/crowd.py, shown by a test's server.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { expect } from '@playwright/test';

import type { LabServer } from '../tests/labserver';

/** It is there until it is ended. */
export class Crowd {
  private constructor(private readonly process: ChildProcess) {}

  /** Start it with so many nodes of eight GPUs; `iterations` are those of one cell's loop. */
  static async start(
    server: LabServer,
    nodes: string,
    iterations = '100000'
  ): Promise<Crowd> {
    const script = join('..', 'benchmarks', 'crowd.py');
    const started = spawn('python', [script, nodes, '8', iterations], {
      env: { ...process.env, JUPYTER_RUNTIME_DIR: server.runtimeDir },
      stdio: ['pipe', 'pipe', 'inherit']
    });
    for await (const line of createInterface(started.stdout)) {
      expect(line).toBe('ready');
      break;
    }
    return new Crowd(started);
  }

  async end(): Promise<void> {
    const ended = new Promise(resolve => this.process.once('exit', resolve));
    this.process.stdin?.end();
    await ended;
  }
}
