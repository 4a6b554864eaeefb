/**
 * The user's settings, typed and with their defaults.
 */
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { type ISignal, Signal } from '@lumino/signaling';

/** What `schema/plugin.json` describes. */
export interface ISettings {
  readonly showToolbarButton: boolean;
  readonly defaultOptions: string;
  readonly loadMagic: boolean;
}

/** The defaults of `schema/plugin.json`. */
export const DEFAULTS: ISettings = {
  showToolbarButton: true,
  defaultOptions: '',
  loadMagic: true
};

/** What `schema/panel.json` describes. */
export interface IPanelSettings {
  readonly side: 'left' | 'right';
  readonly showStatusItem: boolean;
  /** So many seconds are at least between two drawings. */
  readonly updateEvery: number;
  readonly showNodes: boolean;
  readonly showRuns: boolean;
  readonly showData: boolean;
  readonly showLog: boolean;
  readonly notices: boolean;
  /** Cells that took so many seconds; 0 for none. */
  readonly noticeCellsAfter: number;
}

/** The defaults of `schema/panel.json`. */
export const PANEL_DEFAULTS: IPanelSettings = {
  side: 'left',
  showStatusItem: true,
  updateEvery: 0.5,
  showNodes: true,
  showRuns: true,
  showData: true,
  showLog: true,
  notices: true,
  noticeCellsAfter: 60
};

/** The settings as they are now: defaults until the registry has answered. */
export class Settings<T extends object = ISettings> {
  constructor(private readonly _defaults: T) {
    this._current = _defaults;
  }

  /** Follow the registry's settings of one plugin. */
  async follow(registry: ISettingRegistry, pluginId: string): Promise<void> {
    const loaded = await registry.load(pluginId);
    const update = (): void => {
      this._current = { ...this._defaults, ...(loaded.composite as Partial<T>) };
      this._changed.emit(this._current);
    };
    loaded.changed.connect(update);
    update();
  }

  get current(): T {
    return this._current;
  }

  get changed(): ISignal<this, T> {
    return this._changed;
  }

  private _current: T;
  private readonly _changed = new Signal<this, T>(this);
}
