/**
 * The nodes of a running cluster that have failed: why, what to do, and to try one of them again.
 */
import { refreshIcon } from '@jupyterlab/ui-components';
import type { JSX } from 'react';

import type { IClusterView, INodeView } from '../feed';
import type { IPanelContext } from './context';
import { Failure } from './errortext';
import { IconButton } from './iconbutton';
import { clusterLabel, StatusIcon } from './status';

/** So many are shown; a thousand that fail do so for the same reason. */
const MOST_SHOWN = 5;

interface IFailedNodesProps {
  readonly cluster: IClusterView;
  readonly nodes: readonly INodeView[];
  readonly context: IPanelContext;
  readonly isStuck: boolean;
}

export function FailedNodes(props: IFailedNodesProps): JSX.Element {
  const { cluster, nodes, context, isStuck } = props;
  const { actions, trans } = context;
  const more = nodes.length - MOST_SHOWN;
  return (
    <>
      <ul
        className="jp-scale-FailedNodes"
        aria-label={trans.__('Failed nodes of %1', cluster.name)}
      >
        {nodes.slice(0, MOST_SHOWN).map(node => (
          <li key={node.name}>
            <div className="jp-scale-Row">
              <StatusIcon status="failed" label={clusterLabel('failed', trans)} />
              <span className="jp-scale-Name" title={node.name}>
                {node.name}
              </span>
              {cluster.owner === 'server' && cluster.cost === null && (
                <IconButton
                  icon={refreshIcon}
                  label={trans.__('Try the node "%1" again', node.name)}
                  isDisabled={isStuck}
                  onClick={() => void actions.retry(cluster, node.name)}
                />
              )}
            </div>
            <Failure text={node.error} trans={trans} />
          </li>
        ))}
      </ul>
      {more > 0 && (
        <p className="jp-scale-Detail">
          {trans._n(
            'and %1 more, in the list of nodes',
            'and %1 more, in the list of nodes',
            more
          )}
        </p>
      )}
    </>
  );
}
