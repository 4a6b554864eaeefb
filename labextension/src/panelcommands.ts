/**
 * The panel's commands, for the palette, the launcher and keyboard shortcuts.
 */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { InputDialog } from '@jupyterlab/apputils';
import {
  addIcon,
  historyIcon as timeIcon,
  linkIcon,
  runIcon,
  stopIcon
} from '@jupyterlab/ui-components';

import type { IClusterView } from './feed';
import { scaleIcon, tasksIcon, workersIcon } from './icons';
import { MAGIC } from './magic';
import { PANEL_ID } from './panel';
import type { IPanelContext } from './views/context';

/** The commands' ids. */
export const PanelCommandIDs = {
  openPanel: 'jupyter-scale:open-panel',
  startCluster: 'jupyter-scale:start-cluster',
  newCluster: 'jupyter-scale:new-cluster',
  attachNotebook: 'jupyter-scale:attach-notebook',
  changeLimits: 'jupyter-scale:change-limits',
  scaleCluster: 'jupyter-scale:scale-cluster',
  showTasks: 'jupyter-scale:show-tasks',
  stopCluster: 'jupyter-scale:stop-cluster'
} as const;

const NO_ARGS = { args: { type: 'object', properties: {} } } as const;

/** Add the commands to the application. */
export function addPanelCommands(app: JupyterFrontEnd, context: IPanelContext): void {
  const { actions, feed, trans } = context;
  const isLive = (): boolean => feed.status === 'live';
  app.commands.addCommand(PanelCommandIDs.openPanel, {
    label: args => (args.launcher ? trans.__('Cluster') : trans.__('Show Clusters')),
    caption: trans.__('Start and watch clusters that run %1 cells', MAGIC),
    icon: scaleIcon,
    describedBy: {
      args: {
        type: 'object',
        properties: {
          launcher: {
            type: 'boolean',
            description: trans.__('Whether the launcher asks')
          }
        }
      }
    },
    execute: () => app.shell.activateById(PANEL_ID)
  });
  app.commands.addCommand(PanelCommandIDs.startCluster, {
    label: trans.__('Start a Cluster'),
    icon: runIcon,
    describedBy: NO_ARGS,
    isEnabled: () => isLive() && !actions.isBusy(),
    execute: () => {
      app.shell.activateById(PANEL_ID);
      return actions.start();
    }
  });
  app.commands.addCommand(PanelCommandIDs.newCluster, {
    label: trans.__('New Cluster…'),
    icon: addIcon,
    describedBy: NO_ARGS,
    isEnabled: () => isLive() && !actions.isBusy(),
    execute: () => actions.create()
  });
  addForOne(PanelCommandIDs.attachNotebook, {
    label: trans.__('Use a Cluster in This Notebook'),
    icon: linkIcon,
    suits: ({ status, owner }) =>
      status === 'running' && owner === 'server' && context.attaching.notebook !== '',
    act: cluster => actions.attach(cluster)
  });
  addForOne(PanelCommandIDs.changeLimits, {
    label: trans.__('Change When a Cluster Stops…'),
    icon: timeIcon,
    suits: ({ status }) => status === 'running',
    act: cluster => actions.changeLimits(cluster)
  });
  addForOne(PanelCommandIDs.scaleCluster, {
    label: trans.__('Change the Number of Workers…'),
    icon: workersIcon,
    suits: ({ status, owner }) => status === 'running' && owner === 'server',
    act: cluster => actions.scale(cluster)
  });
  addForOne(PanelCommandIDs.showTasks, {
    label: trans.__('Show the Tasks of a Cluster'),
    icon: tasksIcon,
    suits: ({ status }) => status === 'running',
    act: ({ id }) => {
      context.openTasks(id);
      return Promise.resolve();
    }
  });
  addForOne(PanelCommandIDs.stopCluster, {
    label: trans.__('Stop a Cluster…'),
    icon: stopIcon,
    suits: ({ status }) => status !== 'stopping' && status !== 'stopped',
    act: cluster => actions.stop(cluster)
  });
  feed.changed.connect(() => {
    const known = `${feed.status} ${
      feed.state?.clusters.map(({ id, status }) => id + status).join(' ') ?? ''
    }`;
    if (known !== drawn) {
      drawn = known;
      for (const id of Object.values(PanelCommandIDs)) {
        app.commands.notifyCommandChanged(id);
      }
    }
  });
  let drawn = '';

  /** A command for one cluster; where several suit, the user chooses. */
  function addForOne(id: string, { label, icon, suits, act }: IForOne): void {
    const suiting = (): readonly IClusterView[] =>
      isLive() ? (feed.state?.clusters ?? []).filter(suits) : [];
    app.commands.addCommand(id, {
      label,
      icon,
      describedBy: NO_ARGS,
      isEnabled: () => suiting().length > 0,
      execute: async () => {
        const cluster = await choose(suiting(), label);
        if (cluster) {
          await act(cluster);
        }
      }
    });
  }

  async function choose(
    clusters: readonly IClusterView[],
    title: string
  ): Promise<IClusterView | undefined> {
    if (clusters.length < 2) {
      return clusters[0];
    }
    const items = clusters.map(({ name, id }) => `${name} (${id})`);
    const { button, value } = await InputDialog.getItem({
      title,
      label: trans.__('Cluster'),
      items
    });
    return button.accept && value ? clusters[items.indexOf(value)] : undefined;
  }
}

interface IForOne {
  readonly label: string;
  readonly icon: typeof stopIcon;
  readonly suits: (cluster: IClusterView) => boolean;
  readonly act: (cluster: IClusterView) => Promise<void>;
}
