/**
 * Notices in JupyterLab: its notifications, and what a click on them shows.
 */
import { Notification } from '@jupyterlab/apputils';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IRunView } from './feed';
import type { INoticingPage } from './noticing';

/** What a click can show. */
interface INoticeTargets {
  readonly openPanel: () => void;
  readonly reveal: (run: IRunView) => void;
}

/** This page. */
export function noticePage(
  { openPanel, reveal }: INoticeTargets,
  trans: TranslationBundle
): INoticingPage {
  return {
    isSeen,
    onSeen: look => document.addEventListener('visibilitychange', look),
    emit: ({ text, type }, about) => {
      const action =
        about === 'panel'
          ? { label: trans.__('Show'), callback: openPanel }
          : { label: trans.__('Go to the cell'), callback: () => reveal(about) };
      Notification.emit(text, type, { autoClose: false, actions: [action] });
    }
  };
}

/** Whether the notebook of a run is on the screen. */
export function isNotebookSeen(
  { kernel_id, notebook }: IRunView,
  tracker: INotebookTracker | null
): boolean {
  const panel = tracker?.find(
    ({ context, sessionContext }) =>
      sessionContext.session?.kernel?.id === kernel_id || context.path === notebook
  );
  return Boolean(panel?.isVisible) && isSeen();
}

function isSeen(): boolean {
  return document.visibilityState === 'visible';
}
