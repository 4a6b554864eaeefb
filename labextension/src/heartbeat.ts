/**
 * How often the server has to give a sign of life, so that no proxy on the way takes a quiet
 * connection for a dead one. Pure.
 *
 * Nobody says how long a proxy waits: a connection that was cut tells. Jupyter's own sign comes twice
 * a minute, which is enough for most.
 */
const SHORTEST_S = 1;

/** So many signs within the time after which it was cut: one may be late. */
const SIGNS = 3;

/** What is asked for; null: what the server does by itself. */
export type Heartbeat = number | null;

/**
 * What to ask for after a connection was cut that had been quiet for so long.
 *
 * @param asked - what had been asked for.
 */
export function heartbeatAfterCut(asked: Heartbeat, quietMs: number): Heartbeat {
  const wanted = Math.max(SHORTEST_S, Math.round(quietMs / SIGNS / 100) / 10);
  return asked === null ? wanted : Math.min(asked, wanted);
}
