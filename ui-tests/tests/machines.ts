/**
 * Machines with a real sshd on this one, for clusters of several.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { within } from './within';

const START_MS = 40_000;
const END_MS = 20_000;

/** How machines are reached, for a profile. */
export interface IPlace {
  readonly hosts: readonly string[];
  readonly ssh_config: string;
  /** A Python there that has all packages. */
  readonly python: string;
}

/** Some machines; they are there from `start` to `end`. */
export class Machines {
  constructor(
    private readonly count: number,
    private readonly log: string
  ) {}

  /** Start them; the result is a text where there can be none, and says why. */
  async start(): Promise<IPlace | string> {
    this.process = spawn('python', ['machines.py', this.directory, String(this.count)], {
      env: { ...process.env, PYTHONPATH: join('..', 'tests') },
      stdio: ['pipe', 'pipe', openSync(this.log, 'a')]
    });
    const said = await within(START_MS, 'machines', this.firstLine(this.process));
    const answer = JSON.parse(said) as IPlace | { why_impossible: string };
    return 'why_impossible' in answer ? answer.why_impossible : answer;
  }

  /** End them, and all that runs on them. */
  async end(): Promise<void> {
    const { process } = this;
    if (process?.exitCode === null && process.signalCode === null) {
      const ended = new Promise<void>(resolve => process.once('exit', () => resolve()));
      process.stdin?.end();
      await within(END_MS, 'the end of the machines', ended);
    }
    rmSync(this.directory, { recursive: true, force: true });
  }

  private async firstLine(process: ChildProcess): Promise<string> {
    if (process.stdout) {
      for await (const line of createInterface(process.stdout)) {
        return line;
      }
    }
    throw new Error(`the machines did not start: ${this.log} says why`);
  }

  private process: ChildProcess | null = null;
  private readonly directory = mkdtempSync(join(tmpdir(), 'jupyter-scale-machines-'));
}
