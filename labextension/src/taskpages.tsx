/**
 * The pages of task streams in the main area, one for each cluster.
 */
import type { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import type { JSX } from 'react';

import { tasksIcon } from './icons';
import { LiveView } from './section';
import { followTasks } from './taskfollowing';
import { TaskTape } from './tasktape';
import type { IPanelContext, ISectionProps } from './views/context';
import { TaskPage } from './views/taskpage';
import { SCROLLER } from './views/windowed';
import { watchWhileSeen } from './watching';

/** The command that opens a page; it is for the panel and for restored layouts. */
export const OPEN_TASKS = 'jupyter-scale:open-tasks';

/** Add the pages to the application. */
export function addTaskPages(
  app: JupyterFrontEnd,
  context: IPanelContext,
  restorer: ILayoutRestorer | null
): void {
  const tracker = new WidgetTracker<MainAreaWidget>({ namespace: 'jupyter-scale-tasks' });
  const clusterOf = new WeakMap<MainAreaWidget, string>();
  app.commands.addCommand(OPEN_TASKS, {
    label: context.trans.__('Open the Tasks of a Cluster'),
    describedBy: {
      args: {
        type: 'object',
        properties: { cluster: { type: 'string' } },
        required: ['cluster']
      }
    },
    execute: args => {
      const { cluster } = args as unknown as { cluster: string };
      const id = `jupyter-scale-tasks-${cluster}`;
      let page = tracker.find(open => open.id === id);
      if (!page) {
        page = createPage(cluster, context);
        page.id = id;
        clusterOf.set(page, cluster);
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
    command: OPEN_TASKS,
    args: page => ({ cluster: clusterOf.get(page) ?? '' }),
    name: page => page.id
  });
}

function createPage(cluster: string, context: IPanelContext): MainAreaWidget {
  const { feed, trans } = context;
  const tape = new TaskTape();
  const View = (props: ISectionProps): JSX.Element => (
    <TaskPage {...props} clusterId={cluster} tape={tape} />
  );
  const content = new LiveView(View, state => state.runs, context);
  content.addClass('jp-scale-TaskPage');
  content.addClass(SCROLLER);
  const page = new MainAreaWidget({ content });
  page.toolbar.hide(); // it would be empty
  page.title.label = trans.__('Tasks');
  page.title.caption = trans.__('What the workers of a cluster do');
  page.title.icon = tasksIcon;
  watchWhileSeen(page, feed);
  followTasks(page, cluster, feed, tape, () => content.update());
  return page;
}
