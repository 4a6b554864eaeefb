/**
 * The server extension's REST interface, and where its feed is.
 */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { Problem } from './connection';

const ROOT = 'jupyter-scale/api';

/** What a new cluster is made from; without a profile it is this server's own computer. */
export interface IStartOptions {
  readonly profile?: string;
  readonly workers?: number;
}

/** Asks the server to do things; what becomes of them is told by the feed. */
export class ScaleApi {
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  async startCluster(options: IStartOptions): Promise<void> {
    await this._request('POST', ['clusters'], options);
  }

  async scaleCluster(id: string, workers: number): Promise<void> {
    await this._request('PATCH', ['clusters', id], { workers });
  }

  /** Try again what has failed of it. */
  async retryCluster(id: string): Promise<void> {
    await this._request('POST', ['clusters', id, 'retry']);
  }

  async stopCluster(id: string): Promise<void> {
    await this._request('DELETE', ['clusters', id]);
  }

  async interruptRun(id: string): Promise<void> {
    await this._request('POST', ['runs', id, 'interrupt']);
  }

  /** The last lines of a log: `node`, or `worker/NUMBER`. */
  async readLog(cluster: string, node: string, log: string): Promise<readonly string[]> {
    const path = ['clusters', cluster, 'nodes', node, 'log'];
    const text = await this._request('GET', path, undefined, { log, lines: '500' });
    return (JSON.parse(text) as { lines: string[] }).lines;
  }

  /** Open the feed. */
  openFeed(): WebSocket {
    const { wsUrl, token, appendToken, WebSocket } = this._settings;
    const url = URLExt.join(wsUrl, ROOT, 'feed');
    return new WebSocket(
      appendToken && token ? `${url}?token=${encodeURIComponent(token)}` : url
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

  /** @throws ServerConnection.ResponseError with the server's own words. */
  private async _request(
    method: string,
    path: readonly string[],
    body?: object,
    query: Record<string, string> = {}
  ): Promise<string> {
    const url = URLExt.join(
      this._settings.baseUrl,
      ROOT,
      ...path.map(part => encodeURIComponent(part))
    );
    const init = body ? { method, body: JSON.stringify(body) } : { method };
    const response = await ServerConnection.makeRequest(
      url + URLExt.objectToQueryString(query),
      init,
      this._settings
    );
    const text = await response.text();
    if (!response.ok) {
      const message = messageOf(text) ?? response.statusText;
      throw new ServerConnection.ResponseError(response, message);
    }
    return text;
  }
}

/** The message in a JSON error; null when it is something else. */
function messageOf(text: string): string | null {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' && message ? message : null;
  } catch {
    return null;
  }
}
