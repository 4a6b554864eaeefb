/**
 * The server extension's REST interface, and where its feed is.
 */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { Problem } from './connection';
import type { Table } from './describing';
import type { IKeptRun } from './feed';
import type { Heartbeat } from './heartbeat';
import type { IClaim } from './keeping';
import type { ILimits } from './limits';
import type { IOutputBatch } from './outputwriter';

const ROOT = 'jupyter-scale/api';

/** What a new cluster is made from; without a profile it is this server's own computer. */
export interface IStartOptions {
  readonly profile?: string;
  readonly workers?: number;
}

/** What became of the wish to stop a loop: it was, had ended before, or its cell does not react. */
export type LoopStop = 'stopped' | 'late' | 'waiting';

/** A type of machines that can be rented; what is null is not known. */
export interface IOffer {
  readonly name: string;
  readonly cores: number;
  readonly memory_bytes: number;
  readonly gpus: readonly string[];
  readonly usd_per_h: number | null;
  readonly spot_usd_per_h: number | null;
  readonly source: string;
}

/** What the server refuses, in its words; of a profile also which key is wrong. */
export class Refusal extends ServerConnection.ResponseError {
  constructor(
    response: Response,
    message: string,
    readonly key: string,
    readonly complaint: string
  ) {
    super(response, message);
  }
}

/** Asks the server to do things; what becomes of them is told by the feed. */
export class ScaleApi {
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  /** What this page calls itself: the server knows by it which pages are here. */
  readonly page = [...crypto.getRandomValues(new Uint8Array(12))]
    .map(byte => byte.toString(16).padStart(2, '0'))
    .join('');

  async startCluster(options: IStartOptions): Promise<void> {
    await this._request('POST', ['clusters'], options);
  }

  /** Ask for so many workers, of one pool if it is named. */
  async scaleCluster(id: string, workers: number, pool = ''): Promise<void> {
    const body = pool ? { workers, pool } : { workers };
    await this._request('PATCH', ['clusters', id], body);
  }

  /** Change when it ends by itself. */
  async changeLimits(id: string, limits: ILimits): Promise<void> {
    await this._request('PATCH', ['clusters', id, 'limits'], limits);
  }

  /** Try again what has failed of it, or one node. */
  async retryCluster(id: string, node = ''): Promise<void> {
    await this._request('POST', ['clusters', id, 'retry'], node ? { node } : undefined);
  }

  async stopCluster(id: string): Promise<void> {
    await this._request('DELETE', ['clusters', id]);
  }

  /** What a cluster of a profile would cost, for people; nothing when it costs nothing. */
  async quote(profile: string): Promise<readonly string[]> {
    return (await this._request<IQuote>('GET', ['profiles', profile, 'quote'])).lines;
  }

  /** The same of one that is not yet a profile. */
  async quoteDraft(name: string, table: Table): Promise<readonly string[]> {
    return (await this._request<IQuote>('POST', ['quotes'], { name, table })).lines;
  }

  /** Add a profile to a `scale.toml`. */
  async addProfile(name: string, table: Table, place: string): Promise<void> {
    await this._request('POST', ['profiles'], { name, table, place });
  }

  /** The hosts that the user's ssh_config names. */
  async hosts(): Promise<readonly string[]> {
    return (await this._request<{ hosts: string[] }>('GET', ['hosts'])).hosts;
  }

  /** The usual types of instances that a region of AWS offers. */
  async offers(region: string): Promise<readonly IOffer[]> {
    return (await this._request<{ offers: IOffer[] }>('GET', ['offers', region])).offers;
  }

  async interruptRun(id: string): Promise<void> {
    await this._request('POST', ['runs', id, 'interrupt']);
  }

  /** Raise KeyboardInterrupt in a loop of a run, and say whether it still went on. */
  async stopLoop(run: string, loop: number): Promise<LoopStop> {
    const parts = ['runs', run, 'loops', String(loop), 'stop'];
    return (await this._request<{ status: LoopStop }>('POST', parts)).status;
  }

  /** What clusters keep for who was away. */
  async keptRuns(): Promise<readonly IKeptRun[]> {
    return (await this._request<{ runs: IKeptRun[] }>('GET', ['runs', 'kept'])).runs;
  }

  /** What a run has shown, and what it shows until it is over. */
  async *followOutput(
    cluster: string,
    run: string,
    signal: AbortSignal
  ): AsyncGenerator<IOutputBatch> {
    const path = ['clusters', cluster, 'runs', run, 'output'];
    const response = await this._ask('GET', path, { signal });
    for await (const line of linesOf(response)) {
      const batch = JSON.parse(line) as IOutputBatch & { readonly error?: string };
      if (batch.error) {
        throw new Error(batch.error);
      }
      yield batch;
    }
  }

  /** Ask whether this page is the one that saves the output of a run. */
  async claim(cluster: string, run: string, hasChanges: boolean): Promise<IClaim> {
    const body = { page: this.page, has_changes: hasChanges };
    return this._request('POST', ['clusters', cluster, 'runs', run, 'claim'], body);
  }

  /** Tell that a notebook file has the output of a run. */
  async noteShown(cluster: string, run: string): Promise<void> {
    await this._request('POST', ['clusters', cluster, 'runs', run, 'shown']);
  }

  /** The last lines of a log: `node`, or `worker/NUMBER`. */
  async readLog(cluster: string, node: string, log: string): Promise<readonly string[]> {
    const path = ['clusters', cluster, 'nodes', node, 'log'];
    const query = { log, lines: '500' };
    return (await this._request<{ lines: string[] }>('GET', path, undefined, query))
      .lines;
  }

  /** Open the feed, on which the server gives a sign of life that often. */
  openFeed(heartbeat: Heartbeat): WebSocket {
    const { wsUrl, token, appendToken, WebSocket } = this._settings;
    const query = {
      page: this.page,
      ...(appendToken && token ? { token } : {}),
      ...(heartbeat === null ? {} : { heartbeat: String(heartbeat) })
    };
    return new WebSocket(
      URLExt.join(wsUrl, ROOT, 'feed') + URLExt.objectToQueryString(query)
    );
  }

  /** Find out why the feed cannot be opened. */
  async diagnose(): Promise<Problem> {
    try {
      await this._request('GET', ['clusters']);
      return 'unreachable'; // the server answers, but the feed does not get through
    } catch (error) {
      if (!(error instanceof ServerConnection.ResponseError)) {
        return 'unreachable';
      }
      const { status } = error.response;
      if (status === 404) {
        return 'missing';
      }
      return status === 401 || status === 403 ? 'forbidden' : 'unreachable';
    }
  }

  private async _request<T>(
    method: string,
    path: readonly string[],
    body?: object,
    query: Record<string, string> = {}
  ): Promise<T> {
    const init = body ? { body: JSON.stringify(body) } : {};
    const text = await (await this._ask(method, path, init, query)).text();
    return (text ? JSON.parse(text) : {}) as T;
  }

  /** @throws Refusal with the server's own words. */
  private async _ask(
    method: string,
    path: readonly string[],
    init: RequestInit,
    query: Record<string, string> = {}
  ): Promise<Response> {
    const url = URLExt.join(
      this._settings.baseUrl,
      ROOT,
      ...path.map(part => encodeURIComponent(part))
    );
    const response = await ServerConnection.makeRequest(
      url + URLExt.objectToQueryString(query),
      { ...init, method },
      this._settings
    );
    if (!response.ok) {
      const { message, key, complaint } = refusalIn(await response.text());
      const said = message || response.statusText;
      throw new Refusal(response, said, key, complaint || said);
    }
    return response;
  }
}

interface IQuote {
  readonly lines: readonly string[];
}

/** What a JSON error says; nothing when it is something else. */
function refusalIn(text: string): { message: string; key: string; complaint: string } {
  let said: Record<string, unknown> = {};
  try {
    said = Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    // A proxy may answer with a page.
  }
  const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
  return {
    message: textOf(said.message),
    key: textOf(said.key),
    complaint: textOf(said.complaint)
  };
}

/** The lines of an answer as they come, without empty ones. */
async function* linesOf({ body }: Response): AsyncGenerator<string> {
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const part = await reader?.read();
    if (!part || part.done) {
      return; // what is left is half a line: the answer was cut
    }
    const lines = (rest + part.value).split('\n');
    rest = lines.pop() ?? '';
    yield* lines.filter(line => line !== '');
  }
}
