/**
 * A real nginx in front of a server, which cuts what is quiet: `proxy_read_timeout` and its like.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from '@playwright/test';

/** Debian has it where the path of users does not lead. */
const PATH = `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin`;

/** Whether there is one on this machine. */
export function hasNginx(): boolean {
  return spawnSync('nginx', ['-v'], { env: { ...process.env, PATH } }).status === 0;
}

/** One address of this machine that leads to a server. */
export class Nginx {
  url = '';

  /** Lead to a server, with whatever its address has for a path; cut what is quiet for so long. */
  async start(target: string, quietS: number): Promise<void> {
    const port = await findFreePort();
    const { origin, pathname } = new URL(target);
    const file = join(this.folder, 'nginx.conf');
    mkdirSync(join(this.folder, 'temp'));
    writeFileSync(file, configuration(port, origin, join(this.folder, 'temp'), quietS));
    // The shell ends it with its standard input: it cannot outlive the tests.
    const script = 'nginx -p "$1" -c "$2" -e "$1/log" & read -r _; kill $!; wait $!';
    this.process = spawn('sh', ['-c', script, 'nginx', this.folder, file], {
      env: { ...process.env, PATH },
      stdio: ['pipe', 'ignore', 'ignore']
    });
    this.url = `http://127.0.0.1:${port}${pathname.replace(/\/$/, '')}`;
    await expect
      .poll(() => answers(`${this.url}/api`), { message: `nginx: ${this.folder}/log` })
      .toBe(true);
  }

  async end(): Promise<void> {
    const { process } = this;
    if (process?.exitCode === null) {
      const ended = new Promise(resolve => process.once('exit', resolve));
      process.stdin?.end();
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  private process: ChildProcess | null = null;
  private readonly folder = mkdtempSync(join(tmpdir(), 'jupyter-scale-nginx-'));
}

function configuration(port: number, to: string, temp: string, quietS: number): string {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
    daemon off;
    master_process off;
    pid ${temp}/pid;
    events {}
    http {
      access_log off;
      ${paths.map(name => `${name}_temp_path ${temp}/${name};`).join('\n')}
      client_max_body_size 100m;
      map $http_upgrade $connection_upgrade { default upgrade; '' close; }
      server {
        listen 127.0.0.1:${port};
        location / {
          proxy_pass ${to};
          proxy_http_version 1.1;
          proxy_set_header Host $http_host;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection $connection_upgrade;
          proxy_read_timeout ${quietS}s;
          proxy_send_timeout ${quietS}s;
        }
      }
    }`;
}

async function findFreePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>(resolve => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise(resolve => probe.close(resolve));
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false; // not yet
  }
}
