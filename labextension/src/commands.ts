/**
 * The commands of jupyter-scale, and when their state has to be drawn again.
 */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { Cell } from '@jupyterlab/cells';
import {
  type INotebookTracker,
  NotebookActions,
  type NotebookPanel
} from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { infoIcon } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';

import { canToggle, CellToggler, isScaled } from './cells';
import type { Explainer } from './explaining';
import { scaleIcon } from './icons';
import { hasPythonKernel, type ILoadFailure, MagicLoader } from './kernel';
import { MAGIC } from './magic';
import type { Settings } from './settings';

/** The commands' ids. */
export const CommandIDs = {
  toggleCell: 'jupyter-scale:toggle-cell',
  explainCell: 'jupyter-scale:explain-cell',
  load: 'jupyter-scale:load'
} as const;

/** What the commands work with. */
export interface ICommandContext {
  readonly app: JupyterFrontEnd;
  readonly tracker: INotebookTracker;
  readonly settings: Settings;
  readonly trans: TranslationBundle;
  readonly explainer: Explainer;
}

/** Add the commands to the application. */
export function addCommands(context: ICommandContext): void {
  const loader = new MagicLoader();
  const load = (panel: NotebookPanel | null): Promise<void> =>
    loadInto(panel, loader, context.trans);
  addLoad(context, load);
  addToggle(context, load);
  addExplain(context);
  loadBeforeRun(context, load);
  followState(context);
}

/** The notebook in front, if its kernel is Python. */
function currentPanel({ tracker }: ICommandContext): NotebookPanel | null {
  const panel = tracker.currentWidget;
  return panel && hasPythonKernel(panel.sessionContext) ? panel : null;
}

type Load = (panel: NotebookPanel | null) => Promise<void>;

async function loadInto(
  panel: NotebookPanel | null,
  loader: MagicLoader,
  trans: TranslationBundle
): Promise<void> {
  const kernel = panel?.sessionContext.session?.kernel;
  const failure = kernel ? await loader.ensure(kernel) : null;
  if (failure) {
    Notification.error(explain(failure, trans), { autoClose: false });
  }
}

function addLoad(context: ICommandContext, load: Load): void {
  const { app, trans } = context;
  app.commands.addCommand(CommandIDs.load, {
    label: trans.__('Load %1 into This Kernel', MAGIC),
    caption: trans.__('Make %1 known to the notebook’s kernel', MAGIC),
    isEnabled: () => currentPanel(context) !== null,
    describedBy: { args: { type: 'object', properties: {} } },
    execute: () => load(currentPanel(context))
  });
}

function explain({ name, message }: ILoadFailure, trans: TranslationBundle): string {
  return name === 'ModuleNotFoundError'
    ? trans.__(
        'This kernel’s Python has no jupyter-scale: %1 cannot run. Install it there with "%2".',
        MAGIC,
        '%pip install jupyter-scale'
      )
    : trans.__(
        '%1 could not be loaded into this kernel: %2',
        MAGIC,
        `${name}: ${message}`
      );
}

/** What the commands of toolbar buttons may be told. */
function toolbarArgs(
  trans: TranslationBundle
): CommandRegistry.ICommandOptions['describedBy'] {
  return {
    args: {
      type: 'object',
      properties: {
        toolbar: { type: 'boolean', description: trans.__('Whether a toolbar asks') }
      }
    }
  };
}

function addToggle(context: ICommandContext, load: Load): void {
  const { app, settings, tracker, trans } = context;
  const toggler = new CellToggler();
  app.commands.addCommand(CommandIDs.toggleCell, {
    label: trans.__('Run This Cell with %1', MAGIC),
    caption: () =>
      isScaled(tracker.activeCell)
        ? trans.__('This cell runs on the cluster: take %1 off', MAGIC)
        : trans.__('Run this cell on the cluster: put %1 on it', MAGIC),
    icon: args => (args.toolbar ? scaleIcon : undefined),
    isEnabled: () => currentPanel(context) !== null && canToggle(tracker.activeCell),
    isToggled: () => isScaled(tracker.activeCell),
    isVisible: args => !args.toolbar || settings.current.showToolbarButton,
    describedBy: toolbarArgs(trans),
    execute: async () => {
      const panel = currentPanel(context);
      if (!panel) {
        return;
      }
      const isOn = toggler.toggle(panel.content, settings.current.defaultOptions);
      if (isOn && settings.current.loadMagic) {
        await load(panel);
      }
    }
  });
}

function addExplain(context: ICommandContext): void {
  const { app, explainer, settings, tracker, trans } = context;
  const isCode = (): boolean => tracker.activeCell?.model.type === 'code';
  app.commands.addCommand(CommandIDs.explainCell, {
    label: trans.__('Explain What %1 Would Do with This Cell', MAGIC),
    caption: trans.__('Where it would run, what would travel, which loops may spread'),
    icon: args => (args.toolbar ? infoIcon : undefined),
    isEnabled: () => currentPanel(context) !== null && isCode(),
    isVisible: args => !args.toolbar || settings.current.showToolbarButton,
    describedBy: toolbarArgs(trans),
    execute: async () => {
      const panel = currentPanel(context);
      const cell = tracker.activeCell;
      if (panel && cell && isCode()) {
        await explainer.explain(panel, cell, settings.current.defaultOptions);
      }
    }
  });
}

/** A kernel that was restarted, or a notebook just opened, has not got the magic. */
function loadBeforeRun({ settings, tracker }: ICommandContext, load: Load): void {
  NotebookActions.executionScheduled.connect((_, { notebook, cell }) => {
    if (!settings.current.loadMagic || !isScaled(cell)) {
      return;
    }
    const panel = tracker.find(({ content }) => content === notebook);
    if (panel && hasPythonKernel(panel.sessionContext)) {
      void load(panel);
    }
  });
}

/** Draw the commands again when the active cell, its text or the kernel changes. */
function followState({ app, settings, tracker }: ICommandContext): void {
  const redraw = (): void => {
    app.commands.notifyCommandChanged(CommandIDs.toggleCell);
    app.commands.notifyCommandChanged(CommandIDs.explainCell);
    app.commands.notifyCommandChanged(CommandIDs.load);
  };
  let followed: Cell | null = null;
  let wasScaled = false;
  const onContent = (): void => {
    if (isScaled(followed) !== wasScaled) {
      wasScaled = !wasScaled;
      redraw();
    }
  };
  const onActiveCell = (): void => {
    followed?.model.contentChanged.disconnect(onContent);
    followed = tracker.activeCell;
    followed?.model.contentChanged.connect(onContent);
    wasScaled = isScaled(followed);
    redraw();
  };
  tracker.activeCellChanged.connect(onActiveCell);
  tracker.currentChanged.connect(redraw);
  tracker.widgetAdded.connect((_, panel) => {
    panel.sessionContext.kernelChanged.connect(redraw);
    void panel.sessionContext.ready.then(redraw);
  });
  settings.changed.connect(redraw);
  app.serviceManager.kernelspecs.specsChanged.connect(redraw);
}
