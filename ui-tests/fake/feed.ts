/**
 * A fake of the server extension, inside the browser: it answers the panel's requests and plays the
 * feed, so that what the panel shows can be chosen. The server is a real JupyterLab all the same.
 */
import type { Page, WebSocketRoute } from '@playwright/test';

import type {
  IClusterView,
  IDelta,
  IKeptRun,
  ILoadRow,
  ILoads,
  INodeView,
  ISnapshot,
  ITasks
} from '../../labextension/src/feed';
import { aDelta, aSnapshot } from '../../labextension/src/testing/views';
import { test as base } from '../tests/lab';

/** One request of the panel: `POST clusters {"workers":2}`. */
type Asked = string;

/** Plays the feed for one page. */
export class FakeFeed {
  readonly asked: Asked[] = [];

  /** What the page said to the feed. */
  readonly heard: unknown[] = [];

  /** The error that the next request gets; of a profile, also of which key it is. */
  refusal: string | { message: string; complaint: string; key: string } | null = null;

  /** What requests get that begin so, for instance `GET hosts`; the others get nothing. */
  readonly answers: Record<string, object> = { 'GET profiles': { lines: [] } };

  /** What clusters keep for who was away. */
  kept: readonly IKeptRun[] = [];

  /** Have logs say this. */
  setLog(...lines: readonly string[]): void {
    this.answers['GET clusters'] = { lines };
  }

  constructor(private readonly page: Page) {}

  async install(): Promise<void> {
    await this.page.routeWebSocket(/jupyter-scale\/api\/feed/, socket => {
      if (this.isDown) {
        void socket.close();
        return;
      }
      this.socket = socket;
      socket.onMessage(message => this.heard.push(JSON.parse(String(message))));
      socket.send(JSON.stringify(this.snapshot));
    });
    await this.page.route('**/jupyter-scale/api/**', async route => {
      const request = route.request();
      const path = new URL(request.url()).pathname.replace(
        /.*\/jupyter-scale\/api\//,
        ''
      );
      if (path === 'runs/kept') {
        await route.fulfill({ json: { runs: this.kept } }); // each page asks that by itself
        return;
      }
      const asked = [request.method(), path, request.postData()].join(' ').trim();
      this.asked.push(asked);
      const known = Object.keys(this.answers).find(begin => asked.startsWith(begin));
      const refusal = this.refusal;
      this.refusal = null;
      await route.fulfill({
        status: this.isDown ? 404 : refusal ? 409 : 200,
        json: refusal
          ? typeof refusal === 'string'
            ? { message: refusal, reason: null }
            : refusal
          : (this.answers[known ?? ''] ?? {})
      });
    });
  }

  /** Show this, as after a new connection. */
  show(changes: Partial<ISnapshot>): void {
    this.remember(changes);
    this.seq = 1;
    this.socket?.send(JSON.stringify(this.snapshot));
  }

  /** Have this ready for the next connection. */
  remember(changes: Partial<ISnapshot>): void {
    this.snapshot = aSnapshot({ ...changes, seq: 1 });
  }

  /** Tell what changed. */
  tell(changes: Partial<IDelta>): void {
    this.seq += 1;
    const { sent_at } = this.snapshot;
    this.socket?.send(JSON.stringify(aDelta({ sent_at, ...changes, seq: this.seq })));
  }

  /** Tell the load of a cluster's nodes, and of each of their GPUs, at that time. */
  load({ id, nodes }: IClusterView, sentAt: number): void {
    const frame: ILoads = {
      type: 'loads',
      sent_at: sentAt,
      cluster: id,
      rows: nodes.map(rowOf)
    };
    this.socket?.send(JSON.stringify(frame));
  }

  /** Tell what workers did. */
  tasks(frame: Omit<ITasks, 'type'>): void {
    this.socket?.send(JSON.stringify({ type: 'tasks', ...frame } satisfies ITasks));
  }

  /** Lose a message. */
  skip(): void {
    this.seq += 1;
  }

  /** Let the server extension go away, or come back. */
  async setDown(isDown: boolean): Promise<void> {
    this.isDown = isDown;
    if (isDown) {
      await this.socket?.close();
    }
  }

  private snapshot = aSnapshot();
  private seq = 1;
  private isDown = false;
  private socket: WebSocketRoute | null = null;
}

function rowOf(node: INodeView): ILoadRow {
  return [
    node.name,
    node.workers,
    node.busy,
    node.cpu_percent,
    node.memory_used_bytes,
    node.memory_limit_bytes,
    node.network_in_bytes_per_s,
    node.network_out_bytes_per_s,
    node.disk_read_bytes_per_s,
    node.disk_write_bytes_per_s,
    node.gpu,
    node.gpus.map(gpu => [
      gpu.index,
      gpu.name,
      gpu.utilisation_percent,
      gpu.memory_used_bytes,
      gpu.memory_total_bytes,
      gpu.temperature_c,
      gpu.power_w,
      gpu.processes
    ])
  ];
}

/** The usual lab, whose panel is fed by the fake; it is there before the page is loaded. */
export const test = base.extend<{ fake: FakeFeed }>({
  fake: [
    async ({ page }, use) => {
      const fake = new FakeFeed(page);
      await fake.install();
      await use(fake);
    },
    { auto: true }
  ]
});
