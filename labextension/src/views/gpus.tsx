/**
 * The GPUs of a node: each with its load, memory, heat, power and processes; or all in a line.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX } from 'react';

import type { IGpuView, INodeView } from '../feed';
import { formatBytesOf, formatPercent } from '../format';
import type { IPoint } from '../history';
import { Meter } from './meter';

interface IGpuProps {
  readonly gpu: IGpuView;
  readonly points: readonly IPoint[];
  readonly now: number;
  readonly trans: TranslationBundle;
}

/** One GPU: what it does and did, its memory, how warm it is. */
export function Gpu({ gpu, points, now, trans }: IGpuProps): JSX.Element {
  const { index, name, utilisation_percent: busy } = gpu;
  const { memory_used_bytes: used, memory_total_bytes: total } = gpu;
  const title = trans.__('GPU %1: %2', index, name);
  return (
    <div className="jp-scale-Gpu" role="group" aria-label={title}>
      <div className="jp-scale-Row jp-scale-mod-small">
        <span className="jp-scale-Name" title={title}>
          {title}
        </span>
        <span className="jp-scale-Aside">{factsOf(gpu, trans).join(' · ')}</span>
      </div>
      {busy !== null && (
        <Meter
          label={trans.__('Busy')}
          text={formatPercent(busy / 100)}
          part={busy / 100}
          points={points}
          now={now}
        />
      )}
      {used !== null && total !== null && (
        <Meter
          label={trans.__('Memory')}
          text={formatBytesOf(used, total)}
          part={used / total}
          isScarce
        />
      )}
    </div>
  );
}

function factsOf(gpu: IGpuView, trans: TranslationBundle): readonly string[] {
  const { temperature_c: heat, power_w: power, processes } = gpu;
  return [
    heat !== null && `${Math.round(heat)} °C`,
    power !== null && `${Math.round(power)} W`,
    processes !== null && trans._n('%1 process', '%1 processes', processes)
  ].filter(fact => fact !== false);
}

/** For instance `8 GPUs · 87 % · 71 °C`; empty where there is none. */
export function gpusText({ gpu }: INodeView, trans: TranslationBundle): string {
  if (!gpu) {
    return '';
  }
  const [count, busy, , , heat] = gpu;
  return [
    trans._n('%1 GPU', '%1 GPUs', count),
    busy !== null && formatPercent(busy / 100),
    heat !== null && `${Math.round(heat)} °C`
  ]
    .filter(Boolean)
    .join(' · ');
}
