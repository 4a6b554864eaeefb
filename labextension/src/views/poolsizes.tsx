/**
 * How many workers each pool has, and a stepper to change that.
 */
import { useEffect, useRef, useState, type JSX } from 'react';

import type { IClusterView } from '../feed';
import { poolsOf } from '../machines';
import type { IPanelContext } from './context';

/** The server is asked when nothing was pressed for so long. */
const SETTLE_MS = 700;

const MOST = 1024;

interface IPoolSizesProps {
  readonly cluster: IClusterView;
  readonly context: IPanelContext;
  readonly isStuck: boolean;
}

/** A stepper for each pool whose size this server can change. */
export function PoolSizes(props: IPoolSizesProps): JSX.Element | null {
  const { cluster, context, isStuck } = props;
  const { actions, trans } = context;
  if (cluster.owner !== 'server') {
    return null;
  }
  const pools = poolsOf(cluster.nodes);
  return (
    <div className="jp-scale-Pools">
      {pools.map(({ name, nodes }) => {
        const able = nodes.filter(({ status }) => status !== 'failed');
        const wanted = able.reduce((sum, node) => sum + node.workers_wanted, 0);
        const there = able.reduce((sum, node) => sum + node.workers, 0);
        return (
          <Stepper
            key={name}
            label={
              pools.length > 1 ? trans.__('Workers of %1', name) : trans.__('Workers')
            }
            wanted={wanted}
            aside={there === wanted ? '' : trans.__('%1 there', there)}
            isDisabled={isStuck || able.length === 0}
            words={{ less: trans.__('One less'), more: trans.__('One more') }}
            onChange={workers => {
              void actions.resize(cluster, pools.length > 1 ? name : '', workers);
            }}
          />
        );
      })}
    </div>
  );
}

interface IStepperProps {
  readonly label: string;
  readonly wanted: number;
  readonly aside: string;
  readonly isDisabled: boolean;
  readonly words: { readonly less: string; readonly more: string };
  readonly onChange: (value: number) => void;
}

/** A number with two buttons; it is asked for once the user has come to rest. */
function Stepper(props: IStepperProps): JSX.Element {
  const { label, wanted, aside, isDisabled, words, onChange } = props;
  const [draft, setDraft] = useState<number | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => setDraft(null), [wanted]);
  const value = draft ?? wanted;

  const ask = (next: number): void => {
    clearTimeout(timer.current);
    if (next !== wanted) {
      onChange(next);
    }
  };
  const change = (next: number): void => {
    const within = Math.min(MOST, Math.max(1, Math.round(next)));
    setDraft(within);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => ask(within), SETTLE_MS);
  };
  return (
    <div className="jp-scale-Stepper" role="group" aria-label={label}>
      <span className="jp-scale-Stepper-label" title={label}>
        {label}
      </span>
      <button
        type="button"
        title={words.less}
        aria-label={`${label}: ${words.less}`}
        disabled={isDisabled || value <= 1}
        onClick={() => change(value - 1)}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M4 8h8" />
        </svg>
      </button>
      <input
        type="number"
        aria-label={label}
        min={1}
        max={MOST}
        value={value}
        disabled={isDisabled}
        onChange={({ target }) => {
          if (!Number.isNaN(target.valueAsNumber)) {
            change(target.valueAsNumber);
          }
        }}
        onKeyDown={({ key }) => {
          if (key === 'Enter') {
            ask(value);
          }
        }}
      />
      <button
        type="button"
        title={words.more}
        aria-label={`${label}: ${words.more}`}
        disabled={isDisabled || value >= MOST}
        onClick={() => change(value + 1)}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M4 8h8M8 4v8" />
        </svg>
      </button>
      <span className="jp-scale-Aside">{aside}</span>
    </div>
  );
}
