/**
 * Pages in the main area: each is opened once, and comes back with the layout.
 */
import type { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import type { LabIcon } from '@jupyterlab/ui-components';
import type { ComponentType, JSX } from 'react';

import { LiveView, type Subject } from './section';
import { followTasks } from './taskfollowing';
import { TaskTape } from './tasktape';
import type { IPageProps, IPanelContext, ISectionProps, Which } from './views/context';
import { SCROLLER } from './views/windowed';
import { watchWhileSeen } from './watching';

/** Pages that differ in what they are of. */
export interface IPageKind<K extends string> {
  /** The command that opens one; it is for the panel and for restored layouts. */
  readonly command: string;
  readonly label: string;
  /** Begins the pages' ids. */
  readonly namespace: string;
  /** What a page is told apart by, beside its cluster. */
  readonly keys: readonly K[];
  readonly View: ComponentType<IPageProps<K>>;
  readonly subject: Subject;
  readonly className: string;
  readonly icon: LabIcon;
  readonly titleOf: (which: Which<K>) => {
    readonly label: string;
    readonly caption: string;
  };
}

/** Add the pages of a kind to the application. */
export function addPages<K extends string>(
  app: JupyterFrontEnd,
  kind: IPageKind<K>,
  context: IPanelContext,
  restorer: ILayoutRestorer | null
): void {
  const { command, label, namespace } = kind;
  const tracker = new WidgetTracker<MainAreaWidget>({ namespace });
  const whichOf = new WeakMap<MainAreaWidget, Which<K>>();
  const keys = ['cluster', ...kind.keys];
  app.commands.addCommand(command, {
    label,
    describedBy: {
      args: {
        type: 'object',
        properties: Object.fromEntries(keys.map(key => [key, { type: 'string' }])),
        required: keys
      }
    },
    execute: args => {
      const given = args as Which<string>;
      const which = Object.fromEntries(keys.map(key => [key, given[key]])) as Which<K>;
      const id = [namespace, ...Object.values(which)].join('-');
      let page = tracker.find(open => open.id === id);
      if (!page) {
        page = createPage(which, kind, context);
        page.id = id;
        whichOf.set(page, which);
        void tracker.add(page);
      }
      if (!page.isAttached) {
        app.shell.add(page, 'main');
      }
      app.shell.activateById(id);
      return page;
    }
  });
  void restorer?.restore(tracker, {
    command,
    args: page => ({ ...whichOf.get(page) }),
    name: page => page.id
  });
}

function createPage<K extends string>(
  which: Which<K>,
  { View, subject, className, icon, titleOf }: IPageKind<K>,
  context: IPanelContext
): MainAreaWidget {
  const tape = new TaskTape();
  const OfWhich = (props: ISectionProps): JSX.Element => (
    <View {...props} which={which} tape={tape} />
  );
  const content = new LiveView(OfWhich, subject, context);
  content.addClass(className);
  content.addClass(SCROLLER);
  content.node.tabIndex = 0; // it has to be scrolled by keyboard
  const page = new MainAreaWidget({ content });
  page.toolbar.hide(); // it would be empty
  Object.assign(page.title, { ...titleOf(which), icon });
  watchWhileSeen(page, context.feed);
  followTasks(page, which.cluster, context.feed, tape, () => content.update());
  return page;
}
