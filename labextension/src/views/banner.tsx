/**
 * The line above the sections that says why the panel may be out of date.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX } from 'react';

import type { Problem } from '../connection';
import type { ISectionProps } from './context';

/** Why there is no live connection, and when it is tried again; nothing while it is live. */
export function Banner({ context, state }: ISectionProps): JSX.Element {
  const { feed, trans } = context;
  const { problem, retryAt } = feed;
  const isShown = feed.isAway && (state !== null || problem !== 'none');
  const seconds = retryAt === null ? 0 : Math.ceil((retryAt - Date.now()) / 1000);
  return (
    <div role="status">
      {isShown && (
        <div className="jp-scale-Banner">
          <span>{explain(problem, trans)}</span>
          {problem !== 'version' && (
            <button
              className="jp-scale-BannerButton"
              type="button"
              disabled={feed.status === 'connecting'}
              title={
                seconds > 0 ? trans.__('Tries by itself in %1 s', seconds) : undefined
              }
              onClick={() => feed.connect()}
            >
              {trans.__('Try now')}
            </button>
          )}
        </div>
      )}
    </div>
  );
}

function explain(problem: Problem, trans: TranslationBundle): string {
  switch (problem) {
    case 'missing':
      return trans.__(
        'This Jupyter server has no jupyter-scale, or was not restarted since.'
      );
    case 'forbidden':
      return trans.__('This Jupyter server does not let you see its clusters.');
    case 'version':
      return trans.__('jupyter-scale was updated: load this page again.');
    case 'unreachable':
    case 'none':
      return trans.__('The connection to the server is lost. What you see may be old.');
  }
}
