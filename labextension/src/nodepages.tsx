/**
 * The pages of nodes in the main area: each is opened once, and comes back with the layout.
 */
import type { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import type { JSX } from 'react';

import { workersIcon } from './icons';
import { LiveView } from './section';
import { followTasks } from './taskfollowing';
import { TaskTape } from './tasktape';
import type { IPanelContext, ISectionProps } from './views/context';
import { NodePage } from './views/nodepage';
import { SCROLLER } from './views/windowed';
import { watchWhileSeen } from './watching';

/** The command that opens a page; it is for the panel and for restored layouts. */
export const OPEN_NODE = 'jupyter-scale:open-node';

/** Which page. */
interface IPageArgs {
  readonly cluster: string;
  readonly node: string;
}

/** Add the pages to the application. */
export function addNodePages(
  app: JupyterFrontEnd,
  context: IPanelContext,
  restorer: ILayoutRestorer | null
): void {
  const tracker = new WidgetTracker<MainAreaWidget>({ namespace: 'jupyter-scale-nodes' });
  const argsOf = new WeakMap<MainAreaWidget, IPageArgs>();
  app.commands.addCommand(OPEN_NODE, {
    label: context.trans.__('Open a Node'),
    describedBy: {
      args: {
        type: 'object',
        properties: { cluster: { type: 'string' }, node: { type: 'string' } },
        required: ['cluster', 'node']
      }
    },
    execute: args => {
      const { cluster, node } = args as unknown as IPageArgs;
      const id = `jupyter-scale-node-${cluster}-${node}`;
      let page = tracker.find(open => open.id === id);
      if (!page) {
        page = createPage({ cluster, node }, context);
        page.id = id;
        argsOf.set(page, { cluster, node });
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
    command: OPEN_NODE,
    args: page => ({ ...argsOf.get(page) }),
    name: page => page.id
  });
}

function createPage(
  { cluster, node }: IPageArgs,
  context: IPanelContext
): MainAreaWidget {
  const tape = new TaskTape();
  const View = (props: ISectionProps): JSX.Element => (
    <NodePage {...props} clusterId={cluster} nodeName={node} tape={tape} />
  );
  const content = new LiveView(View, state => state, context);
  content.addClass('jp-scale-NodePage');
  content.addClass(SCROLLER);
  content.node.tabIndex = 0; // it has to be scrolled by keyboard
  const page = new MainAreaWidget({ content });
  page.toolbar.hide(); // it would be empty
  page.title.label = node;
  page.title.caption = context.trans.__('Node %1 of a cluster', node);
  page.title.icon = workersIcon;
  watchWhileSeen(page, context.feed);
  followTasks(page, cluster, context.feed, tape, () => content.update());
  return page;
}
