/**
 * How often views are drawn, as the user has set it.
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
