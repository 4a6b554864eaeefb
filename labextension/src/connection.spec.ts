import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { FeedConnection, type Problem } from './connection';
import { FEED_VERSION } from './feed';
import type { FeedMessage } from './feedmodel';
import { aCluster, aDelta, aRow, aSnapshot } from './testing/views';

/** How a connection ends: in good order, and without a word. */
const GOING_AWAY = 1001;
const CUT = 1006;

/** As much of a WebSocket as the connection uses. */
class FakeSocket {
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  isClosed = false;
  readonly heard: unknown[] = [];

  send(text: string): void {
    this.heard.push(JSON.parse(text));
  }

  close(): void {
    this.isClosed = true;
  }

  say(...messages: FeedMessage[]): void {
    for (const message of messages) {
      this.onmessage?.({ data: JSON.stringify(message) });
    }
  }

  lose(code = GOING_AWAY): void {
    this.onclose?.({ code });
  }
}

/** A connection with all the sockets it opened. */
function connected(problem: Problem = 'unreachable'): {
  feed: FeedConnection;
  sockets: FakeSocket[];
  last: () => FakeSocket;
  heartbeats: (number | null)[];
  diagnoses: () => number;
} {
  const sockets: FakeSocket[] = [];
  const heartbeats: (number | null)[] = [];
  let diagnoses = 0;
  const feed = new FeedConnection({
    open: heartbeat => {
      const socket = new FakeSocket();
      heartbeats.push(heartbeat);
      sockets.push(socket);
      return socket as unknown as WebSocket;
    },
    diagnose: () => {
      diagnoses += 1;
      return Promise.resolve(problem);
    },
    random: () => 1
  });
  feed.connect();
  return {
    feed,
    sockets,
    last: () => sockets.at(-1) ?? new FakeSocket(),
    heartbeats,
    diagnoses: () => diagnoses
  };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('FeedConnection', () => {
  it('is live with the first snapshot', () => {
    const { feed, last } = connected();
    expect(feed.status).toBe('connecting');
    last().say(aSnapshot({ clusters: [aCluster('a')] }));
    expect(feed.status).toBe('live');
    expect(feed.state?.clusters).toHaveLength(1);
  });

  it('tells of every message', () => {
    const { feed, last } = connected();
    const told = vi.fn();
    feed.changed.connect(told);
    last().say(aSnapshot({ seq: 1 }), aDelta({ seq: 2 }));
    expect(told).toHaveBeenCalledTimes(2);
  });

  it('keeps what it knows when the connection is lost, and connects again', () => {
    const { feed, sockets, last } = connected();
    last().say(aSnapshot({ clusters: [aCluster('a')] }));
    last().lose();
    expect(feed.status).toBe('offline');
    expect(feed.state?.clusters).toHaveLength(1);
    expect(feed.retryAt).toBe(Date.now() + 500);
    vi.advanceTimersByTime(500);
    expect(sockets).toHaveLength(2);
    last().say(aSnapshot({ seq: 1, clusters: [] }));
    expect(feed).toMatchObject({
      status: 'live',
      retryAt: null,
      state: { clusters: [] }
    });
  });

  it('connects again after a gap, and takes no delta on top of the old state', () => {
    const { feed, sockets, last } = connected();
    last().say(aSnapshot({ seq: 1 }), aDelta({ seq: 3 }));
    expect(sockets[0]?.isClosed).toBe(true);
    expect(feed.status).toBe('offline');
    vi.advanceTimersByTime(500);
    last().say(aDelta({ seq: 2 }));
    expect(feed.status).toBe('offline');
  });

  it('ignores what a socket says that was given up', () => {
    const { feed, sockets, last } = connected();
    last().say(aSnapshot({ seq: 1 }), aDelta({ seq: 3 }));
    sockets[0]?.say(aSnapshot({ seq: 5 }));
    sockets[0]?.lose();
    expect(feed).toMatchObject({ status: 'offline', state: { seq: 1 } });
    vi.advanceTimersByTime(500);
    expect(sockets).toHaveLength(2);
  });

  it('waits longer each time, up to half a minute', () => {
    const { feed, last } = connected();
    const waits = [];
    for (let attempt = 0; attempt < 8; attempt++) {
      last().lose();
      waits.push((feed.retryAt ?? 0) - Date.now());
      vi.advanceTimersByTime(30_000);
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  });

  it('begins with short waits again after a good while', () => {
    const { feed, last } = connected();
    last().lose();
    vi.advanceTimersByTime(500);
    last().say(aSnapshot());
    vi.advanceTimersByTime(60_000);
    last().lose();
    expect((feed.retryAt ?? 0) - Date.now()).toBe(500);
  });

  it('does not hammer a server that ends every connection at once', () => {
    const { feed, last } = connected();
    for (const wait of [500, 1000, 2000]) {
      last().say(aSnapshot());
      last().lose();
      expect((feed.retryAt ?? 0) - Date.now()).toBe(wait);
      vi.advanceTimersByTime(wait);
    }
  });

  it('comes back soon, however often a proxy cuts it, and asks for signs of life', () => {
    const { feed, last, heartbeats } = connected();
    for (let cut = 0; cut < 4; cut++) {
      last().say(aSnapshot());
      vi.advanceTimersByTime(6000);
      last().lose(CUT);
      expect((feed.retryAt ?? 0) - Date.now()).toBe(500);
      vi.advanceTimersByTime(500);
    }
    expect(heartbeats).toEqual([null, 2, 2, 2, 2]);
  });

  it('learns nothing from a server that was away, nor from one that says good-bye', () => {
    const { last, heartbeats } = connected();
    last().say(aSnapshot());
    vi.advanceTimersByTime(6000);
    last().lose(CUT);
    vi.advanceTimersByTime(500);
    last().lose(CUT); // refused
    vi.advanceTimersByTime(1000);
    last().say(aSnapshot());
    vi.advanceTimersByTime(6000);
    last().lose();
    vi.advanceTimersByTime(500);
    expect(heartbeats).toEqual([null, 2, null, null]);
  });

  it('is away only when it does not come back at once', () => {
    const { feed, last } = connected();
    expect(feed.isAway).toBe(true);
    last().say(aSnapshot());
    expect(feed.isAway).toBe(false);
    last().lose(CUT);
    vi.advanceTimersByTime(500);
    expect(feed.isAway).toBe(false);
    last().say(aSnapshot());
    vi.advanceTimersByTime(10_000);
    expect(feed.isAway).toBe(false);
    last().lose(CUT);
    vi.advanceTimersByTime(500);
    last().lose(CUT);
    expect(feed.isAway).toBe(true); // refused
    feed.connect();
    last().say(aSnapshot());
    last().lose(CUT);
    const told = vi.fn();
    vi.advanceTimersByTime(2000); // an attempt that nobody answers
    feed.changed.connect(told);
    vi.advanceTimersByTime(2000);
    expect(feed.isAway).toBe(true);
    expect(told).toHaveBeenCalledOnce();
  });

  it('connects at once when asked to, and only once', () => {
    const { feed, sockets, last } = connected();
    last().lose();
    feed.connect();
    feed.connect();
    vi.advanceTimersByTime(60_000);
    expect(sockets).toHaveLength(2);
  });

  it('finds out why it is refused', async () => {
    const { feed, last, diagnoses } = connected('missing');
    last().lose();
    await vi.advanceTimersByTimeAsync(0);
    expect(feed.problem).toBe('missing');
    expect(diagnoses()).toBe(1);
    vi.advanceTimersByTime(500);
    last().say(aSnapshot());
    expect(feed.problem).toBe('none');
  });

  it('does not try again with a server of another version', () => {
    const { feed, sockets, last } = connected();
    last().say(aSnapshot({ version: FEED_VERSION + 1 }));
    vi.advanceTimersByTime(600_000);
    expect(feed).toMatchObject({ status: 'offline', problem: 'version', retryAt: null });
    expect(sockets).toHaveLength(1);
  });

  it('takes the time from the server', () => {
    const { feed, last } = connected();
    last().say(aSnapshot({ seq: 1, sent_at: 5000 }));
    expect(feed.now()).toBeCloseTo(5000);
    vi.advanceTimersByTime(3000);
    expect(feed.now()).toBeCloseTo(5003);
    last().say(aDelta({ seq: 2, sent_at: 5013 }));
    expect(feed.now()).toBeCloseTo(5013);
  });

  it('says that the panel is seen, and says so again on a new connection', () => {
    const { feed, sockets, last } = connected();
    const seen = { type: 'watch', visible: true, nodes: [], tasks: [] };
    const hidden = { type: 'watch', visible: false, nodes: [], tasks: [] };
    const panel = {};
    feed.watch(panel, true);
    expect(last().heard).toEqual([]);
    last().say(aSnapshot());
    expect(last().heard).toEqual([seen]);
    feed.watch(panel, true);
    feed.watch(panel, false);
    feed.watch(panel, true);
    expect(last().heard).toEqual([seen, hidden, seen]);
    last().lose();
    vi.advanceTimersByTime(500);
    last().say(aSnapshot());
    expect(sockets).toHaveLength(2);
    expect(last().heard).toEqual([seen]);
    feed.watch(panel, false);
    last().lose();
    vi.advanceTimersByTime(60_000);
    last().say(aSnapshot());
    expect(last().heard).toEqual([]);
  });

  it('says which nodes are on the screen, once for a step of a wheel', () => {
    const { feed, last } = connected();
    const [panel, page] = [{}, {}];
    last().say(aSnapshot());
    feed.show(panel, [['c', 'a']]);
    vi.advanceTimersByTime(1000);
    expect(last().heard).toEqual([]); // nobody looks
    feed.watch(panel, true);
    feed.show(panel, [['c', 'b']]);
    feed.show(page, [['c', 'd']]);
    vi.advanceTimersByTime(1000);
    feed.show(page, []);
    vi.advanceTimersByTime(1000);
    const nodes = last().heard.map(said => (said as { nodes: unknown }).nodes);
    expect(nodes).toEqual([
      [['c', 'a']],
      [
        ['c', 'b'],
        ['c', 'd']
      ],
      [['c', 'b']]
    ]);
  });

  it('tells of load, and forgets it when nobody looks', () => {
    const { feed, last } = connected();
    const owner = {};
    const told = vi.fn();
    feed.loaded.connect((_, loads) => void told(loads.rows.length));
    feed.watch(owner, true);
    last().say(aSnapshot({ clusters: [aCluster('c')] }));
    last().say({ type: 'loads', sent_at: 1001, cluster: 'c', rows: [aRow('node-1', 7)] });
    expect(told).toHaveBeenCalledExactlyOnceWith(1);
    expect(feed.state?.clusters[0]?.nodes[0]?.cpu_percent).toBe(7);
    feed.watch(owner, false);
    expect(feed.state?.clusters[0]?.nodes[0]).toMatchObject({ busy: null, gpu: null });
  });

  it('ends', () => {
    const { feed, sockets, last } = connected();
    last().lose();
    feed.dispose();
    vi.advanceTimersByTime(60_000);
    expect(sockets).toHaveLength(1);
  });
});
