/**
 * A start as it happens: the cluster's own steps one after another, its machines side by side.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX } from 'react';

import type { IClusterView, IStepView } from '../feed';
import { clusterSteps, countRunning, type IMachine, machinesOf } from '../machines';
import { clusterLabel, StatusIcon } from './status';

interface IStartProps {
  readonly cluster: IClusterView;
  readonly trans: TranslationBundle;
}

/** How far the start of a cluster is. */
export function Start({ cluster, trans }: IStartProps): JSX.Element {
  const machines = machinesOf(cluster);
  return (
    <>
      <Steps steps={clusterSteps(cluster)} trans={trans} />
      {machines.length > 0 && <Machines machines={machines} trans={trans} />}
    </>
  );
}

interface IStepsProps {
  readonly steps: readonly IStepView[];
  readonly trans: TranslationBundle;
}

/** The steps of a start; the last is the one under way. */
function Steps({ steps, trans }: IStepsProps): JSX.Element {
  return (
    <ol
      className="jp-scale-Steps"
      aria-label={trans.__('Steps of the start')}
      aria-live="polite"
    >
      {steps.map(({ step, message, at }, index) => (
        <li key={`${step} ${at}`} title={message}>
          <StatusIcon
            status={index < steps.length - 1 ? 'done' : 'starting'}
            label={index < steps.length - 1 ? trans.__('Done') : trans.__('Under way')}
          />
          <span>{message}</span>
        </li>
      ))}
    </ol>
  );
}

interface IMachinesProps {
  readonly machines: readonly IMachine[];
  readonly trans: TranslationBundle;
}

/** What each machine does. Only how many are ready is read out: twenty would talk at once. */
function Machines({ machines, trans }: IMachinesProps): JSX.Element {
  const ready = countRunning(machines);
  return (
    <>
      <p className="jp-scale-Detail" aria-live="polite">
        {trans.__('%1 of %2 machines are ready', ready, machines.length)}
      </p>
      <ul className="jp-scale-Machines" aria-label={trans.__('Machines of the start')}>
        {machines.map(({ name, status, message }) => (
          <li
            key={name}
            className={`jp-scale-mod-${status}`}
            title={`${name}: ${message}`}
          >
            <StatusIcon status={status} label={clusterLabel(status, trans)} />
            <span className="jp-scale-Machine-name">{name}</span>
            <span>{status === 'running' ? trans.__('ready') : message}</span>
          </li>
        ))}
      </ul>
    </>
  );
}
