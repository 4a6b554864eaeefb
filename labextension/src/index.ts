/**
 * jupyter-scale in JupyterLab. This file only joins the parts.
 */
import {
  ILabShell,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { addCommands, CommandIDs } from './commands';
import { Explainer } from './explaining';
import { panelPlugin } from './panelplugin';
import { DEFAULTS, Settings } from './settings';

const PLUGIN_ID = 'jupyter-scale:plugin';

/** The notebook's side: `%%scale` on and off, and what it would do. */
const plugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN_ID,
  description: 'Puts %%scale on notebook cells, and takes it off.',
  autoStart: true,
  requires: [INotebookTracker, ISettingRegistry],
  optional: [ITranslator, ICommandPalette, ILabShell],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    registry: ISettingRegistry,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    labShell: ILabShell | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('jupyter_scale');
    const settings = new Settings(DEFAULTS);
    // In Notebook 7 the main area has room for the notebook only.
    const explainer = new Explainer(app.shell, labShell ? 'main' : 'right', trans);
    addCommands({ app, tracker, settings, trans, explainer });
    for (const command of Object.values(CommandIDs)) {
      palette?.addItem({ command, category: trans.__('Notebook Cell Operations') });
    }
    settings.follow(registry, PLUGIN_ID).catch((reason: unknown) => {
      console.error(`${PLUGIN_ID}: settings could not be read`, reason);
    });
  }
};

export default [plugin, panelPlugin];
