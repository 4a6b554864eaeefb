/**
 * The feed's WebSocket: it connects, keeps what it was told, and connects again by itself.
 *
 * Nothing is polled. What was known stays when the connection is lost, until the next snapshot.
 * Times in the feed are the server's: `now` is its clock, however wrong the browser's is.
 */
import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';

import { delayMs } from './backoff';
import type { ILoads, INodeId, ITasks, IWatch } from './feed';
import {
  applyMessage,
  type FeedMessage,
  forgetLoads,
  type IFeedState
} from './feedmodel';
import { type Heartbeat, heartbeatAfterCut } from './heartbeat';

/** What is on the screen may change with each step of a wheel: it is told so often. */
const TELL_MS = 150;

/** So many nodes a server takes to be on one screen. */
const MOST_SHOWN = 200;

/** So long a connection must have lasted for its end to count as the first failure. */
const STABLE_MS = 2000;

/** So long a connection may be away without a word about it: most proxies cut one now and then. */
const GRACE_MS = 4000;

/** How a WebSocket says that it ended without a word from the server. */
const CUT = 1006;

/** `live` from the first snapshot on; `offline` while waiting for the next attempt. */
export type ConnectionStatus = 'connecting' | 'live' | 'offline';

/**
 * Why there is no connection: the server (or its feed) does not answer, has no such extension, refuses this user,
 * or speaks another version than this page.
 */
export type Problem = 'none' | 'unreachable' | 'missing' | 'forbidden' | 'version';

/** What a connection needs from outside. */
export interface IConnectionOptions {
  /** Open a WebSocket to the feed, on which the server gives a sign of life that often. */
  readonly open: (heartbeat: Heartbeat) => WebSocket;
  /** Find out, by one plain request, why the feed was refused. */
  readonly diagnose: () => Promise<Problem>;
  readonly random?: () => number;
}

/** A connection to the feed that mends itself. */
export class FeedConnection implements IDisposable {
  constructor(private readonly _options: IConnectionOptions) {}

  /** Emitted when anything below changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Emitted with each frame that tells of load, before `changed`. */
  get loaded(): ISignal<this, ILoads> {
    return this._loaded;
  }

  /** Emitted with each frame that tells of tasks; nothing below changes with it. */
  get tasked(): ISignal<this, ITasks> {
    return this._tasked;
  }

  /** What the server told last; null before the first snapshot. */
  get state(): IFeedState | null {
    return this._state;
  }

  get status(): ConnectionStatus {
    return this._status;
  }

  get problem(): Problem {
    return this._problem;
  }

  /** Whether it is not there, for longer than it takes to come back from an ordinary cut. */
  get isAway(): boolean {
    return this._isAway;
  }

  /** When the next attempt is due, in milliseconds since 1970; null unless offline. */
  get retryAt(): number | null {
    return this._retryAt;
  }

  /** What time it is by the server's clock, in Unix seconds. */
  now(): number {
    return Date.now() / 1000 + this._serverAheadS;
  }

  /** Say whether something of ours is seen: the server samples load only for those who watch. */
  watch(owner: object, isVisible: boolean): void {
    const before = this._watchers.size > 0;
    if (isVisible) {
      this._watchers.add(owner);
    } else {
      this._watchers.delete(owner);
    }
    if (this._watchers.size > 0 !== before) {
      this._tellWatch();
      if (before && this._state) {
        this._state = forgetLoads(this._state);
        this._changed.emit();
      }
    }
  }

  /** Whether something of ours is seen. */
  get isWatching(): boolean {
    return this._watchers.size > 0;
  }

  /** Say which nodes somebody's view shows: of these the server tells each second. */
  show(owner: object, nodes: readonly INodeId[]): void {
    if (nodes.length > 0) {
      this._shown.set(owner, nodes);
    } else {
      this._shown.delete(owner);
    }
    clearTimeout(this._telling);
    this._telling = setTimeout(() => this._tellWatch(), TELL_MS);
  }

  /** Say of which cluster somebody's view shows the tasks; null for none any more. */
  stream(owner: object, cluster: string | null): void {
    if (cluster !== null) {
      this._streamed.set(owner, cluster);
    } else {
      this._streamed.delete(owner);
    }
    this._tellWatch();
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Connect now, unless that is done or under way. */
  connect(): void {
    if (this._socket || this._isDisposed) {
      return;
    }
    clearTimeout(this._timer);
    this._retryAt = null;
    this._status = 'connecting';
    const socket = this._options.open(this._heartbeat);
    this._socket = socket;
    socket.onmessage = (event: MessageEvent<string>) => this._receive(socket, event.data);
    socket.onclose = ({ code }) => this._lost(socket, code === CUT);
    this._changed.emit();
  }

  dispose(): void {
    this._isDisposed = true;
    clearTimeout(this._timer);
    clearTimeout(this._telling);
    clearTimeout(this._grace);
    const socket = this._socket;
    this._socket = null;
    socket?.close();
    Signal.clearData(this);
  }

  private _receive(socket: WebSocket, text: string): void {
    if (socket !== this._socket) {
      return;
    }
    this._heardAt = Date.now();
    const message = JSON.parse(text) as FeedMessage | ITasks;
    if (message.type === 'tasks') {
      this._tasked.emit(message);
      return;
    }
    const outcome = applyMessage(this._status === 'live' ? this._state : null, message);
    if (outcome === 'gap' || outcome === 'version') {
      this._problem = outcome === 'version' ? 'version' : 'none';
      socket.close();
      this._lost(socket);
      return;
    }
    this._serverAheadS = outcome.sent_at - Date.now() / 1000;
    if (this._status !== 'live') {
      this._status = 'live';
      this._problem = 'none';
      this._isAway = false;
      clearTimeout(this._grace);
      this._liveSince = Date.now();
      this._told = NOT_WATCHING;
      this._tellWatch();
    }
    this._state = outcome;
    if (message.type === 'loads') {
      this._loaded.emit(message);
    }
    this._changed.emit();
  }

  private _tellWatch(): void {
    const visible = this._watchers.size > 0;
    const nodes = visible ? [...this._shown.values()].flat().slice(0, MOST_SHOWN) : [];
    const tasks = [...new Set(visible ? this._streamed.values() : [])];
    const message: IWatch = { type: 'watch', visible, nodes, tasks };
    const text = JSON.stringify(message);
    if (this._status === 'live' && text !== this._told) {
      this._told = text;
      this._socket?.send(text);
    }
  }

  private _lost(socket: WebSocket, isCut = false): void {
    if (socket !== this._socket) {
      return;
    }
    this._socket = null;
    const wasRefused = this._status === 'connecting';
    if (this._status === 'live') {
      this._noteEnd(isCut);
    } else {
      this._heartbeat = this._heartbeatBefore; // the server itself was away: no proxy has cut it
      this._isAway = true;
    }
    this._status = 'offline';
    if (this._problem === 'version') {
      this._isAway = true;
      this._changed.emit(); // trying again would not help: the page has to be loaded again
      return;
    }
    const delay = delayMs(this._attempt++, (this._options.random ?? Math.random)());
    this._retryAt = Date.now() + delay;
    this._timer = setTimeout(() => this.connect(), delay);
    this._changed.emit();
    if (wasRefused) {
      void this._diagnose();
    }
  }

  /** A connection that was live has ended: learn from it, and say so if it does not come back. */
  private _noteEnd(isCut: boolean): void {
    const now = Date.now();
    const wasStable = now - this._liveSince >= STABLE_MS;
    if (wasStable) {
      this._attempt = 0;
    }
    this._heartbeatBefore = this._heartbeat;
    if (isCut && wasStable) {
      this._heartbeat = heartbeatAfterCut(this._heartbeat, now - this._heardAt);
    }
    this._grace = setTimeout(() => {
      this._isAway = true;
      this._changed.emit();
    }, GRACE_MS);
  }

  private async _diagnose(): Promise<void> {
    const problem = await this._options.diagnose();
    if (this._status !== 'live' && !this._isDisposed) {
      this._problem = problem;
      this._changed.emit();
    }
  }

  private _state: IFeedState | null = null;
  private _status: ConnectionStatus = 'connecting';
  private _problem: Problem = 'none';
  private _retryAt: number | null = null;
  private _socket: WebSocket | null = null;
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _attempt = 0;
  private _liveSince = 0;
  private _heardAt = 0;
  private _isAway = true;
  private _grace: ReturnType<typeof setTimeout> | undefined;
  private _heartbeat: Heartbeat = null;
  private _heartbeatBefore: Heartbeat = null;
  private _serverAheadS = 0;
  private readonly _watchers = new Set<object>();
  private readonly _shown = new Map<object, readonly INodeId[]>();
  private readonly _streamed = new Map<object, string>();
  private _told = NOT_WATCHING;
  private _telling: ReturnType<typeof setTimeout> | undefined;
  private _isDisposed = false;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _loaded = new Signal<this, ILoads>(this);
  private readonly _tasked = new Signal<this, ITasks>(this);
}

/** What the server takes for granted of a new connection. */
const NOT_WATCHING = JSON.stringify({
  type: 'watch',
  visible: false,
  nodes: [],
  tasks: []
} satisfies IWatch);
