/**
 * The item in the status bar: the cluster in a few words, and a way to the panel.
 */
import { TextItem } from '@jupyterlab/statusbar';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { type ISignal, Signal } from '@lumino/signaling';
import type { JSX, KeyboardEvent } from 'react';

import type { FeedConnection } from './connection';
import { summarise } from './summary';

/** What the item works with. */
export interface IStatusItemOptions {
  readonly feed: FeedConnection;
  readonly trans: TranslationBundle;
  readonly isWanted: () => boolean;
  readonly openPanel: () => void;
}

/** Draws only when its words change, however much the feed says. */
export class StatusItem extends ReactWidget {
  constructor(private readonly _options: IStatusItemOptions) {
    super();
    this.addClass('jp-mod-highlighted');
    _options.feed.changed.connect(() => this.refresh());
  }

  /** Emitted when the item has to appear or to go. */
  get activeChanged(): ISignal<this, void> {
    return this._activeChanged;
  }

  isActive(): boolean {
    return this._options.isWanted() && this._text !== '';
  }

  /** Take the words from the feed. */
  refresh(): void {
    const { feed, trans } = this._options;
    const text = summarise(feed.state, feed.isAway ? feed.status : 'live', trans);
    if (text !== this._text) {
      this._text = text;
      this.update();
    }
    if (this.isActive() !== this._wasActive) {
      this._wasActive = !this._wasActive;
      this._activeChanged.emit();
    }
  }

  protected override render(): JSX.Element {
    const { openPanel, trans } = this._options;
    return (
      <TextItem
        source={this._text}
        title={trans.__('Show clusters, nodes and runs')}
        role="button"
        tabIndex={0}
        onClick={openPanel}
        onKeyDown={(event: KeyboardEvent) => {
          if (event.key === 'Enter' || event.key === ' ') {
            event.preventDefault();
            openPanel();
          }
        }}
      />
    );
  }

  private _text = '';
  private _wasActive = false;
  private readonly _activeChanged = new Signal<this, void>(this);
}
