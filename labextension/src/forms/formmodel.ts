/**
 * What a form holds while it is filled in: values, and what is wrong with them.
 */
import { type ISignal, Signal } from '@lumino/signaling';

/** What is wrong, by field. */
export type Errors<T> = { readonly [key in keyof T]?: string };

/** The values of a form, which tells when they change. */
export class FormModel<T extends object> {
  constructor(private _values: T) {}

  get values(): T {
    return this._values;
  }

  get errors(): Errors<T> {
    return this._errors;
  }

  /** What is wrong with none of its fields in particular; empty when nothing is. */
  get problem(): string {
    return this._problem;
  }

  /** Whether the server is being asked. */
  get isBusy(): boolean {
    return this._isBusy;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Change some values; what was wrong with them is forgotten. */
  set(changes: Partial<T>): void {
    this._values = { ...this._values, ...changes };
    const left = Object.entries(this._errors).filter(([key]) => !(key in changes));
    this._errors = Object.fromEntries(left) as Errors<T>;
    this._problem = '';
    this._changed.emit();
  }

  /** How often it was said that something is wrong. */
  get failures(): number {
    return this._failures;
  }

  /** Say what is wrong. */
  fail(errors: Errors<T>, problem = ''): void {
    this._failures += 1;
    this._errors = errors;
    this._problem = problem;
    this._changed.emit();
  }

  setBusy(isBusy: boolean): void {
    this._isBusy = isBusy;
    this._changed.emit();
  }

  private _errors: Errors<T> = {};
  private _problem = '';
  private _isBusy = false;
  private _failures = 0;
  private readonly _changed = new Signal<this, void>(this);
}
