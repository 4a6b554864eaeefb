/**
 * A part of the panel that is drawn only while it is seen.
 */
import { PanelWithToolbar, ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import type { ISignal } from '@lumino/signaling';
import type { ComponentType, JSX } from 'react';

import type { INodeId } from './feed';
import type { IFeedState } from './feedmodel';
import type { IPanelContext, ISectionProps } from './views/context';
import { untilBeat } from './pace';
import { SCROLLER } from './views/windowed';

/** Times that run, such as an uptime, are drawn so often, or more seldom if the user wants that. */
const TICK_MS = 1000;

/** What a view shows of what is known. */
export type Subject = (state: IFeedState) => unknown;

/**
 * Draws a view when its subject changed, and every second; hidden, it costs nothing.
 *
 * All views draw on the same beat: what the browser does for a frame costs more than what is in it.
 */
export class LiveView extends ReactWidget {
  constructor(
    private readonly _view: ComponentType<ISectionProps>,
    private readonly _subject: Subject,
    private readonly _context: IPanelContext,
    private readonly _more?: ISignal<unknown, void>
  ) {
    super();
    _context.feed.changed.connect(this._redrawIfNews);
    _context.actions.changed.connect(this._redraw);
    _context.pace.changed.connect(this._follow);
    _more?.connect(this._redraw);
  }

  override dispose(): void {
    this._rest();
    this._context.feed.changed.disconnect(this._redrawIfNews);
    this._context.actions.changed.disconnect(this._redraw);
    this._context.pace.changed.disconnect(this._follow);
    this._more?.disconnect(this._redraw);
    super.dispose();
  }

  protected override render(): JSX.Element {
    const { _view: View, _context: context } = this;
    const { feed } = context;
    return (
      <View context={context} state={feed.state} now={feed.now()} show={this._show} />
    );
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this._follow();
  }

  protected override onAfterShow(): void {
    this._follow();
  }

  /** What was asked for before the panel was hidden is not drawn any more. */
  protected override onUpdateRequest(msg: Message): void {
    if (this.isVisible) {
      super.onUpdateRequest(msg);
    }
  }

  protected override onBeforeHide(): void {
    this._rest();
  }

  protected override onBeforeDetach(msg: Message): void {
    this._rest();
    super.onBeforeDetach(msg);
  }

  private readonly _follow = (): void => {
    this._rest();
    if (this.isVisible) {
      this._context.feed.show(this, this._shown);
      this.update();
      this._tick();
    }
  };

  /** Draw again after a while, and so on. */
  private _tick(): void {
    const everyMs = Math.max(TICK_MS, this._context.pace.everyMs);
    this._ticking = setTimeout(
      () => {
        this._redraw();
        this._tick();
      },
      untilBeat(performance.now(), everyMs)
    );
  }

  private _rest(): void {
    this._context.feed.show(this, []);
    clearTimeout(this._ticking);
    clearTimeout(this._waiting);
    this._waiting = undefined;
  }

  private readonly _show = (nodes: readonly INodeId[]): void => {
    this._shown = nodes;
    this._context.feed.show(this, nodes);
  };

  /** Redraw, unless the feed told of something else. */
  private readonly _redrawIfNews = (): void => {
    const { state, status, problem } = this._context.feed;
    const news = [state && this._subject(state), status, problem];
    if (news.some((part, index) => part !== this._last[index])) {
      this._last = news;
      this._redrawInTime();
    }
  };

  /** Redraw on the next beat, with the other views. */
  private _redrawInTime(): void {
    if (this.isVisible && this._waiting === undefined) {
      this._waiting = setTimeout(
        () => {
          this._waiting = undefined;
          this._redraw();
        },
        untilBeat(performance.now(), this._context.pace.everyMs)
      );
    }
  }

  private readonly _redraw = (): void => {
    if (this.isVisible) {
      this.update();
    }
  };

  private _last: readonly unknown[] = [];
  private _shown: readonly INodeId[] = [];
  private _ticking: ReturnType<typeof setTimeout> | undefined;
  private _waiting: ReturnType<typeof setTimeout> | undefined;
}

/** A titled section of the panel. */
export class Section extends PanelWithToolbar {
  constructor(
    /** What settings call it. */
    readonly name: string,
    title: string,
    view: ComponentType<ISectionProps>,
    subject: Subject,
    context: IPanelContext,
    /** Emitted when there is news beside the feed's. */
    more?: ISignal<unknown, void>
  ) {
    super();
    this.addClass('jp-scale-Section');
    this.addClass(SCROLLER);
    this.addClass(`jp-scale-mod-${name}`);
    this.title.label = title;
    this.addWidget(new LiveView(view, subject, context, more));
  }
}
