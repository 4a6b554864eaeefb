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

const DEFAULTS: ISettings = {
  showToolbarButton: true,
  defaultOptions: '',
  loadMagic: true
};

/** The settings as they are now: defaults until the registry has answered. */
export class Settings {
  /** Follow the registry's settings of one plugin. */
  async follow(registry: ISettingRegistry, pluginId: string): Promise<void> {
    const loaded = await registry.load(pluginId);
    const update = (): void => {
      this._current = { ...DEFAULTS, ...(loaded.composite as Partial<ISettings>) };
      this._changed.emit(this._current);
    };
    loaded.changed.connect(update);
    update();
  }

  get current(): ISettings {
    return this._current;
  }

  get changed(): ISignal<this, ISettings> {
    return this._changed;
  }

  private _current = DEFAULTS;
  private readonly _changed = new Signal<this, ISettings>(this);
}
