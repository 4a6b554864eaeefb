/**
 * The section of the clusters: a card for each, and the way to the first one.
 */
import type { JSX } from 'react';

import { hasEnded } from '../machines';
import { MAGIC } from '../magic';
import { isActive } from '../runs';
import { ClusterCard } from './cluster';
import type { IPanelContext, ISectionProps } from './context';

/** All clusters; without a living one, how to begin. */
export function Clusters({ context, state, now }: ISectionProps): JSX.Element {
  const { trans } = context;
  if (!state) {
    return <p className="jp-scale-Hint">{trans.__('Waiting for the server…')}</p>;
  }
  const { clusters, runs } = state;
  const atWork = new Set(runs.filter(isActive).map(({ cluster }) => cluster));
  return (
    <>
      <ul className="jp-scale-List">
        {clusters.map(cluster => (
          <ClusterCard
            key={cluster.id}
            cluster={cluster}
            isAtWork={atWork.has(cluster.id)}
            context={context}
            now={now}
          />
        ))}
      </ul>
      {clusters.every(hasEnded) && <Beginning context={context} />}
    </>
  );
}

function Beginning({ context }: { readonly context: IPanelContext }): JSX.Element {
  const { actions, feed, trans } = context;
  const [before = '', after = ''] = trans
    .__('Or just put %1 on a cell and run it.', MAGIC)
    .split(MAGIC);
  return (
    <div className="jp-scale-Beginning">
      <button
        className="jp-scale-StartButton jp-mod-styled jp-mod-accept"
        type="button"
        disabled={actions.isBusy() || feed.isAway}
        onClick={() => void actions.startLocal()}
      >
        {trans.__('Start a cluster on this computer')}
      </button>
      <button
        className="jp-scale-StartButton jp-mod-styled jp-mod-reject"
        type="button"
        disabled={feed.isAway}
        onClick={() => void actions.create()}
      >
        {trans.__('Describe another: SSH, AWS…')}
      </button>
      <p>
        {before}
        <code>{MAGIC}</code>
        {after}
      </p>
    </div>
  );
}
