/**
 * The hosts of a new cluster: those of ssh_config to be picked, others to be typed.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX } from 'react';

import type { IDescription } from '../describing';
import { CheckField, TextField } from './fields';
import type { FormModel } from './formmodel';

interface IHostFieldsProps {
  readonly model: FormModel<IDescription>;
  /** The names of ssh_config; null while they are being asked for. */
  readonly hosts: readonly string[] | null;
  readonly trans: TranslationBundle;
}

export function HostFields({ model, hosts, trans }: IHostFieldsProps): JSX.Element {
  const { values, errors } = model;
  const toggle = (host: string, isChosen: boolean): void => {
    const others = values.hosts.filter(one => one !== host);
    // Also what is wrong with the hosts as a whole is shown there, and forgotten now.
    const { otherHosts } = values;
    model.set({ hosts: isChosen ? [...others, host] : others, otherHosts });
  };
  return (
    <>
      <fieldset className="jp-scale-Hosts">
        <legend>{trans.__('Hosts of your ssh_config')}</legend>
        {hosts === null && <p>{trans.__('Asking the server…')}</p>}
        {hosts?.length === 0 && (
          <p>{trans.__('~/.ssh/config of the server names none.')}</p>
        )}
        {hosts?.map(host => (
          <CheckField
            key={host}
            label={host}
            title={host}
            isChecked={values.hosts.includes(host)}
            onChange={isChosen => toggle(host, isChosen)}
          />
        ))}
      </fieldset>
      <TextField
        label={trans.__('Other hosts')}
        hint={trans.__('user@host:port, with spaces between them')}
        value={values.otherHosts}
        error={errors.otherHosts}
        onChange={otherHosts => model.set({ otherHosts })}
      />
    </>
  );
}
