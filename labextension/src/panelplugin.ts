/**
 * The side panel as a plugin: this file only joins the parts.
 */
import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { Actions } from './actions';
import { ScaleApi } from './api';
import { Attaching } from './attaching';
import { hiddenSections, SectionChooser } from './choosing';
import { FeedConnection } from './connection';
import type { IKeptRun } from './feed';
import { LoadHistory } from './history';
import { HoldingsModel } from './holdingsmodel';
import { addPages } from './mainpages';
import { MissedRuns } from './missedruns';
import { isNotebookSeen, noticePage } from './noticepage';
import { Noticing } from './noticing';
import { Pace } from './pace';
import { nodePages, OPEN_NODE, OPEN_TASKS, taskPages } from './pagekinds';
import { createPanel, PANEL_ID } from './panel';
import { addPanelCommands, PanelCommandIDs } from './panelcommands';
import { findPanel, revealRun } from './reveal';
import { PANEL_DEFAULTS, Settings } from './settings';
import { StatusItem } from './statusitem';
import type { IPanelContext } from './views/context';
import { watchWhileSeen } from './watching';

const PLUGIN_ID = 'jupyter-scale:panel';

/** After the file browser and the running sessions, before the extension manager. */
const RANK = 300;

/** Clusters, nodes, runs and data. */
export const panelPlugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN_ID,
  description:
    'A side panel that shows clusters, nodes, runs and data, and starts clusters.',
  autoStart: true,
  requires: [ISettingRegistry],
  optional: [
    INotebookTracker, // Notebook 7 has none beside its list of files
    ITranslator,
    ICommandPalette,
    ILayoutRestorer,
    ILauncher,
    IStatusBar
  ],
  activate: (
    app: JupyterFrontEnd,
    registry: ISettingRegistry,
    tracker: INotebookTracker | null,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    launcher: ILauncher | null,
    statusBar: IStatusBar | null
  ): void => {
    const context = createContext(app, tracker, translator ?? nullTranslator);
    const { feed, trans } = context;
    const panel = createPanel(context, translator ?? nullTranslator);
    app.shell.add(panel, PANEL_DEFAULTS.side, { rank: RANK, type: 'Clusters' });
    restorer?.add(panel, PANEL_ID);

    addPanelCommands(app, context);
    addPages(app, nodePages(trans), context, restorer);
    addPages(app, taskPages(trans), context, restorer);
    for (const command of Object.values(PanelCommandIDs)) {
      palette?.addItem({ command, category: trans.__('Cluster') });
    }
    launcher?.add({
      command: PanelCommandIDs.openPanel,
      args: { launcher: true },
      category: trans.__('Other'),
      rank: 10
    });

    const settings = new Settings(PANEL_DEFAULTS);
    const item = new StatusItem({
      feed,
      trans,
      isWanted: () => settings.current.showStatusItem,
      openPanel: () => app.shell.activateById(PANEL_ID)
    });
    statusBar?.registerStatusItem(PLUGIN_ID, {
      item,
      align: 'left',
      rank: 20,
      isActive: () => item.isActive(),
      activeStateChanged: item.activeChanged
    });
    let side = PANEL_DEFAULTS.side;
    const sections = new SectionChooser(panel);
    settings.changed.connect((_, current) => {
      item.refresh();
      context.pace.everyMs = 1000 * current.updateEvery;
      sections.hide(hiddenSections(current));
      if (current.side !== side) {
        side = current.side;
        app.shell.add(panel, side, { rank: RANK, type: 'Clusters' });
      }
    });
    void settings
      .follow(registry, PLUGIN_ID)
      .catch((reason: unknown) => {
        console.error(`${PLUGIN_ID}: settings could not be read`, reason);
      })
      .then(() => {
        new Noticing({
          feed,
          trans,
          memory: window.localStorage,
          key: `${PLUGIN_ID}:told:${app.serviceManager.serverSettings.baseUrl}`,
          wanted: () => ({
            matters: settings.current.notices,
            longS: settings.current.noticeCellsAfter
          }),
          isRunSeen: run => isNotebookSeen(run, tracker),
          page: noticePage(
            {
              openPanel: () => app.shell.activateById(PANEL_ID),
              reveal: run => void context.actions.reveal(run)
            },
            trans
          )
        });
      });
    keepConnected(feed);
    watchWhileSeen(panel, feed);
  }
};

function createContext(
  app: JupyterFrontEnd,
  tracker: INotebookTracker | null,
  translator: ITranslator
): IPanelContext {
  const trans = translator.load('jupyter_scale');
  const api = new ScaleApi(app.serviceManager.serverSettings);
  const feed = new FeedConnection({
    open: heartbeat => api.openFeed(heartbeat),
    diagnose: () => api.diagnose()
  });
  const history = new LoadHistory();
  keepHistory(history, feed);
  const attaching = new Attaching(tracker);
  const holdings = new HoldingsModel(tracker, () => feed.now());
  const where = {
    commands: app.commands,
    tracker,
    activate: (id: string) => app.shell.activateById(id)
  };
  const open = (run: IKeptRun): Promise<NotebookPanel | null> => findPanel(run, where);
  const missed = new MissedRuns({ api, feed, tracker, trans, open });
  const actions = new Actions({
    api,
    attaching,
    feed,
    holdings,
    missed,
    trans,
    reveal: run => revealRun(run, where)
  });
  const pace = new Pace(1000 * PANEL_DEFAULTS.updateEvery);
  return {
    feed,
    history,
    actions,
    attaching,
    holdings,
    missed,
    pace,
    readLog: (...which) => api.readLog(...which),
    openTasks: cluster => void app.commands.execute(OPEN_TASKS, { cluster }),
    openNode: (cluster, node) => void app.commands.execute(OPEN_NODE, { cluster, node }),
    trans
  };
}

/** Collect what the feed tells of load, for as long as there are the clusters that it is of. */
function keepHistory(history: LoadHistory, feed: FeedConnection): void {
  let known = feed.state?.clusters;
  let wasWatched = false;
  feed.loaded.connect((_, loads) => {
    history.take(loads);
    wasWatched = true;
  });
  feed.changed.connect(() => {
    if (feed.state?.clusters !== known) {
      known = feed.state?.clusters;
      history.keep(known ?? []);
    }
    if (wasWatched && (!feed.isWatching || feed.status !== 'live')) {
      wasWatched = false;
      history.pause(feed.now());
    }
  });
}

/** Connect now, and at once when the network is back or the laptop wakes up. */
function keepConnected(feed: FeedConnection): void {
  const connect = (): void => {
    if (feed.problem !== 'version') {
      feed.connect();
    }
  };
  window.addEventListener('online', connect);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') {
      connect();
    }
  });
  connect();
}
