/**
 * How often views are drawn, as the user has set it, and when: at times that are the same for all.
 */
import { type ISignal, Signal } from '@lumino/signaling';

/** A pace that may change while views are waiting for their turn. */
export class Pace {
  constructor(private _everyMs: number) {}

  /** So many milliseconds are at least between two drawings. */
  get everyMs(): number {
    return this._everyMs;
  }

  set everyMs(value: number) {
    if (value !== this._everyMs) {
      this._everyMs = value;
      this._changed.emit();
    }
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  private readonly _changed = new Signal<this, void>(this);
}

/** A timer that comes so little early has come in time. */
const EARLY_MS = 10;

/** How many milliseconds after `nowMs` the next multiple of `everyMs` is; 0 when that is 0. */
export function untilBeat(nowMs: number, everyMs: number): number {
  if (everyMs <= EARLY_MS) {
    return everyMs;
  }
  const left = everyMs - (nowMs % everyMs);
  return left < EARLY_MS ? left + everyMs : left;
}
