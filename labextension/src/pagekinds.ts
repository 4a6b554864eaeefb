/**
 * The kinds of pages in the main area: nodes, and the tasks of clusters.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import { tasksIcon, workersIcon } from './icons';
import type { IPageKind } from './mainpages';
import { NodePage } from './views/nodepage';
import { TaskPage } from './views/taskpage';

/** The command that opens the page of a node. */
export const OPEN_NODE = 'jupyter-scale:open-node';

/** The command that opens the tasks of a cluster. */
export const OPEN_TASKS = 'jupyter-scale:open-tasks';

/** One for each node. */
export function nodePages(trans: TranslationBundle): IPageKind<'node'> {
  return {
    command: OPEN_NODE,
    label: trans.__('Open a Node'),
    namespace: 'jupyter-scale-nodes',
    keys: ['node'],
    View: NodePage,
    subject: state => state,
    className: 'jp-scale-NodePage',
    icon: workersIcon,
    titleOf: ({ node }) => ({
      label: node,
      caption: trans.__('Node %1 of a cluster', node)
    })
  };
}

/** One for each cluster. */
export function taskPages(trans: TranslationBundle): IPageKind<never> {
  return {
    command: OPEN_TASKS,
    label: trans.__('Open the Tasks of a Cluster'),
    namespace: 'jupyter-scale-tasks',
    keys: [],
    View: TaskPage,
    subject: state => state.runs,
    className: 'jp-scale-TaskPage',
    icon: tasksIcon,
    titleOf: () => ({
      label: trans.__('Tasks'),
      caption: trans.__('What the workers of a cluster do')
    })
  };
}
