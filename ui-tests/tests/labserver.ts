/**
 * A JupyterLab server for tests, with a home of its own; it can be killed and started again.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from '@playwright/test';

/** So long a server (or its clusters) may take to end in good order. */
const END_MS = 20_000;

/** One address and one home; at most one process at a time. */
export class LabServer {
  url = '';
  token = '';

  constructor(
    private readonly log: string,
    private readonly python = 'python',
    private readonly base = '/'
  ) {}

  /** Start it, the first time or again, and wait until it answers. */
  async start(): Promise<void> {
    this.process = spawn(this.python, ['server.py', this.home, this.base], {
      stdio: ['pipe', 'ignore', openSync(this.log, 'a')]
    });
    await expect.poll(() => this.isUp(), { timeout: 60_000 }).toBe(true);
  }

  /** Where its notebooks are. */
  get folder(): string {
    return join(this.home, 'notebooks');
  }

  /** Have these profiles, beside the notebooks: what a `scale.toml` says. */
  writeProfiles(text: string): void {
    writeFileSync(join(this.folder, 'scale.toml'), text);
  }

  /** The names of the profiles that it knows. */
  async profiles(): Promise<readonly string[]> {
    const address = `${this.url}/jupyter-scale/api/profiles`;
    const answer = await fetch(address, {
      headers: { Authorization: `token ${this.token}` }
    });
    return ((await answer.json()) as { profiles: string[] }).profiles;
  }

  /** Where it and its kernels keep what runs. */
  get runtimeDir(): string {
    return join(this.home, 'runtime_dir');
  }

  /** The number of its process. */
  get pid(): number {
    return this.process?.pid ?? 0;
  }

  /** What `jupyter scale` says in a terminal on its machine. */
  command(...words: readonly string[]): string {
    const { stdout } = spawnSync('python', ['-m', 'jupyter_scale.cli', ...words], {
      env: { ...process.env, JUPYTER_RUNTIME_DIR: this.runtimeDir },
      encoding: 'utf8',
      timeout: END_MS
    });
    return stdout;
  }

  /** End it as a crash would, without a chance to tidy up. */
  async kill(): Promise<void> {
    await this.exit(process => process.kill('SIGKILL'));
  }

  /** End it, its clusters, and its home. */
  async end(): Promise<void> {
    await this.exit(process => process.stdin?.end());
    this.command('down');
    rmSync(this.home, { recursive: true, force: true });
  }

  private async exit(end: (process: ChildProcess) => void): Promise<void> {
    const { process } = this;
    if (process?.exitCode === null && process.signalCode === null) {
      const ended = new Promise(resolve => process.once('exit', resolve));
      end(process);
      const timer = setTimeout(() => process.kill('SIGKILL'), END_MS);
      await ended;
      clearTimeout(timer);
    }
  }

  private async isUp(): Promise<boolean> {
    try {
      const address = readFileSync(join(this.home, 'address.json'), 'utf8');
      const { port, token } = JSON.parse(address) as { port: number; token: string };
      this.url = `http://127.0.0.1:${port}${this.base.replace(/\/$/, '')}`;
      this.token = token;
      const headers = { Authorization: `token ${token}` };
      return (await fetch(`${this.url}/api/status`, { headers })).ok;
    } catch {
      return false; // not yet
    }
  }

  private process: ChildProcess | null = null;
  private readonly home = mkdtempSync(join(tmpdir(), 'jupyter-scale-ui-'));
}
