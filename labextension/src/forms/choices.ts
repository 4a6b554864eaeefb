/**
 * What the server knows that a form offers: hosts, types of instances, prices.
 */
import { type ISignal, Signal } from '@lumino/signaling';

import { type IOffer, Refusal, type ScaleApi } from '../api';
import { fieldOf, type IDescription, toTable } from '../describing';
import type { FormModel } from './formmodel';

/** A region is asked for once nothing was typed for so long. */
const SETTLE_MS = 500;

/** Asks for each thing once it is of interest. */
export class Choices {
  constructor(
    private readonly _api: ScaleApi,
    private readonly _model: FormModel<IDescription>
  ) {}

  /** The hosts of ssh_config; null while they are not known. */
  get hosts(): readonly string[] | null {
    return this._hosts;
  }

  /** What the region offers; null while it is not known. */
  get offers(): readonly IOffer[] | null {
    return this._offers;
  }

  /** Why it is not known; empty while nothing is wrong. */
  get offersProblem(): string {
    return this._offersProblem;
  }

  /** What was answered to `askPrice`, for people; null when nothing was, or it holds no more. */
  get quote(): readonly string[] | null {
    return this._quoted === this._wish() ? this._quote : null;
  }

  get isQuoting(): boolean {
    return this._isQuoting;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Ask for what the form as it is offers to choose from. */
  load(): void {
    const { provider, region } = this._model.values;
    clearTimeout(this._timer);
    if (provider === 'ssh' && !this._hosts) {
      void this._loadHosts();
    } else if (provider === 'aws' && region !== this._region) {
      this._timer = setTimeout(() => void this._loadOffers(region), SETTLE_MS);
    }
  }

  /** Ask what the cluster would cost. */
  async askPrice(): Promise<void> {
    const wish = this._wish();
    this._isQuoting = true;
    this._changed.emit();
    try {
      const { name } = this._model.values;
      const table = toTable(this._model.values);
      this._quote = await this._api.quoteDraft(name.trim() || 'new', table);
    } catch (error) {
      const field = error instanceof Refusal ? fieldOf(error.key) : null;
      this._quote = null;
      if (field && error instanceof Refusal) {
        this._model.fail({ [field]: error.complaint });
      } else {
        this._quote = [messageOf(error)];
      }
    } finally {
      this._quoted = wish;
      this._isQuoting = false;
      this._changed.emit();
    }
  }

  private async _loadHosts(): Promise<void> {
    this._hosts = await this._api.hosts().catch(() => []);
    this._changed.emit();
  }

  private async _loadOffers(region: string): Promise<void> {
    this._region = region;
    this._offers = null;
    this._offersProblem = '';
    this._changed.emit();
    try {
      const offers = await this._api.offers(region);
      if (region === this._region) {
        this._offers = offers;
      }
    } catch (error) {
      if (region === this._region) {
        this._offersProblem = messageOf(error);
      }
    }
    this._changed.emit();
  }

  /** What a price is asked for. */
  private _wish(): string {
    return JSON.stringify(toTable(this._model.values));
  }

  private _hosts: readonly string[] | null = null;
  private _region = '';
  private _offers: readonly IOffer[] | null = null;
  private _offersProblem = '';
  private _quote: readonly string[] | null = null;
  private _quoted = '';
  private _isQuoting = false;
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private readonly _changed = new Signal<this, void>(this);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
