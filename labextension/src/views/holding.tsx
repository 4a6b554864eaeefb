/**
 * One name on the cluster: what it is, how it compares with the notebook's own, and its buttons.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon, downloadIcon } from '@jupyterlab/ui-components';
import { type JSX, memo } from 'react';

import type { HoldingState } from '../feed';
import { formatBytes, lastPart } from '../format';
import type { IHeld } from '../holdings';
import { IconButton } from './iconbutton';

interface IHoldingProps {
  readonly held: IHeld;
  /** The node that it is on, where there are several. */
  readonly node: string;
  /** Why nothing can be done now; empty when it can. */
  readonly hindrance: string;
  readonly onFetch: (held: IHeld) => void;
  readonly onFree: (held: IHeld) => void;
  readonly trans: TranslationBundle;
}

/** A row: two lines where there is little room, else one. */
export const Holding = memo(function Holding(props: IHoldingProps): JSX.Element {
  const { held, node, hindrance, onFetch, onFree, trans } = props;
  const { name, typeName, form, bytes, state, canFetch, canFree } = held;
  const size = bytes === null ? '' : formatBytes(bytes);
  const kind = [lastPart(typeName), form, node].filter(Boolean).join(' ');
  const meaning = stateMeaning(held, trans);
  return (
    <>
      <HoldingIcon state={state} label={stateWord(state, trans)} />
      <code className="jp-scale-Holding-name" title={name}>
        {name}
      </code>
      <span className="jp-scale-Holding-size">{size}</span>
      <span className="jp-scale-Holding-kind" title={[typeName, form, node].join(' ')}>
        {kind}
      </span>
      <span className="jp-scale-Holding-state" title={meaning}>
        {stateWord(state, trans)}
      </span>
      <span className="jp-scale-Holding-buttons">
        {canFetch && (
          <IconButton
            icon={downloadIcon}
            label={hindrance || trans.__('Fetch %1 into the notebook', name)}
            isDisabled={hindrance !== ''}
            onClick={() => onFetch(held)}
          />
        )}
        {canFree && (
          <IconButton
            icon={closeIcon}
            label={hindrance || trans.__('Free %1 on the cluster', name)}
            isDisabled={hindrance !== ''}
            onClick={() => onFree(held)}
          />
        )}
      </span>
    </>
  );
});

const PATHS: Record<HoldingState, string> = {
  same: 'M3 8.5l3.2 3.2l6.8-7.2',
  changed: 'M8 13V3.5M4 7.5l4-4l4 4',
  unchecked: 'M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.8-1.1 1.6M8 12.2v.6',
  gone: 'M3.5 8h9',
  stays: 'M5.5 2.5h5M6.5 2.5v4l-2.5 3h8l-2.5-3v-4M8 9.5v4'
};

interface IHoldingIconProps {
  readonly state: HoldingState;
  readonly label: string;
}

function HoldingIcon({ state, label }: IHoldingIconProps): JSX.Element {
  const look = state === 'same' ? 'done' : 'off';
  return (
    <svg
      className={`jp-scale-StatusIcon jp-scale-mod-${look}`}
      viewBox="0 0 16 16"
      aria-hidden="true"
    >
      <title>{label}</title>
      <path d={PATHS[state]} />
    </svg>
  );
}

/** How the copy there compares, in a word or two. */
export function stateWord(state: HoldingState, trans: TranslationBundle): string {
  switch (state) {
    case 'same':
      return trans.__('Fresh');
    case 'changed':
      return trans.__('Stale');
    case 'unchecked':
      return trans.__('Not compared');
    case 'gone':
      return trans.__('Deleted here');
    case 'stays':
      return trans.__('Pinned');
  }
}

/** The same, so that one knows what follows from it. */
function stateMeaning({ state, why }: IHeld, trans: TranslationBundle): string {
  switch (state) {
    case 'same':
      return trans.__(
        'The cluster has it as it is here: a cell that reads it sends nothing'
      );
    case 'changed':
      return trans.__('It has changed here: it travels again when a cell reads it');
    case 'unchecked':
      return trans.__(
        'A cell ran here since it was compared: that is done when a cell reads it'
      );
    case 'gone':
      return trans.__('The notebook has deleted it: it goes with the next cell');
    case 'stays':
      return trans.__(
        'It stays on the cluster (%1), and the notebook has a stand-in',
        why
      );
  }
}
