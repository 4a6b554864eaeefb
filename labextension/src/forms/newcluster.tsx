/**
 * The form in which a cluster is described: its profile is added to a `scale.toml`.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { UseSignal } from '@jupyterlab/ui-components';
import type { JSX } from 'react';

import { Refusal, type ScaleApi } from '../api';
import {
  check,
  fieldOf,
  FIRST,
  freeName,
  type IDescription,
  type Provider,
  toTable
} from '../describing';
import { AwsFields } from './aws';
import { Choices } from './choices';
import { CheckField, ChoiceField, NumberField, Radios, TextField } from './fields';
import { showForm } from './formdialog';
import { FormModel } from './formmodel';
import { HostFields } from './hosts';
import { Problem } from './problem';

/**
 * Have the user describe a cluster.
 *
 * @param taken - the names of profiles that are there.
 * @returns the name of its profile if it shall be started; else null.
 */
export async function createProfile(
  taken: readonly string[],
  api: ScaleApi,
  trans: TranslationBundle
): Promise<string | null> {
  const name = freeName(FIRST.provider, taken);
  const model = new FormModel<IDescription>({ ...FIRST, name });
  const choices = new Choices(api, model);
  const isMade = await showForm({
    title: trans.__('New Cluster'),
    acceptLabel: trans.__('Create'),
    form: <NewCluster model={model} choices={choices} taken={taken} trans={trans} />,
    trans,
    submit: () => submit(model, taken, api, trans)
  });
  return isMade && model.values.startNow ? model.values.name.trim() : null;
}

async function submit(
  model: FormModel<IDescription>,
  taken: readonly string[],
  api: ScaleApi,
  trans: TranslationBundle
): Promise<boolean> {
  const errors = check(model.values, taken, trans);
  if (Object.keys(errors).length > 0) {
    model.fail(errors);
    return false;
  }
  const { name, place } = model.values;
  model.setBusy(true);
  try {
    await api.addProfile(name.trim(), toTable(model.values), place);
    return true;
  } catch (error) {
    const field = error instanceof Refusal ? fieldOf(error.key) : null;
    const text = error instanceof Error ? error.message : String(error);
    const said = error instanceof Refusal ? error.complaint : text;
    model.fail(field ? { [field]: said } : {}, field ? '' : text);
    return false;
  } finally {
    model.setBusy(false);
  }
}

interface INewClusterProps {
  readonly model: FormModel<IDescription>;
  readonly choices: Choices;
  readonly taken: readonly string[];
  readonly trans: TranslationBundle;
}

function NewCluster(props: INewClusterProps): JSX.Element {
  return (
    <UseSignal signal={props.model.changed}>
      {() => (
        <UseSignal signal={props.choices.changed}>
          {() => (
            <div className="jp-scale-Form">
              <Fields {...props} />
              <Problem model={props.model} trans={props.trans} />
            </div>
          )}
        </UseSignal>
      )}
    </UseSignal>
  );
}

function Fields({ model, choices, taken, trans }: INewClusterProps): JSX.Element {
  const { values, errors } = model;
  return (
    <>
      <Radios
        label={trans.__('Where')}
        value={values.provider}
        options={[
          { value: 'local', label: trans.__('This computer') },
          { value: 'ssh', label: trans.__('Machines over SSH') },
          { value: 'aws', label: trans.__('Instances of AWS') }
        ]}
        onChange={chosen => {
          const provider = chosen as Provider;
          const isOurs = values.name === freeName(values.provider, taken);
          model.set(
            isOurs ? { provider, name: freeName(provider, taken) } : { provider }
          );
          choices.load();
        }}
      />
      <TextField
        label={trans.__('Name')}
        value={values.name}
        error={errors.name}
        isRequired
        onChange={name => model.set({ name })}
      />
      {values.provider === 'ssh' && (
        <HostFields model={model} hosts={choices.hosts} trans={trans} />
      )}
      {values.provider === 'aws' && (
        <AwsFields model={model} choices={choices} trans={trans} />
      )}
      {values.provider !== 'aws' && (
        <NumberField
          label={
            values.provider === 'ssh'
              ? trans.__('Workers on each host')
              : trans.__('Workers')
          }
          placeholder={trans.__('one for each core')}
          value={values.workers}
          error={errors.workers}
          min={1}
          max={1024}
          onChange={workers => model.set({ workers })}
        />
      )}
      <div className="jp-scale-Field-pair">
        <TextField
          label={trans.__('Stops without work after')}
          placeholder="30m"
          value={values.idleTimeout}
          error={errors.idleTimeout}
          onChange={idleTimeout => model.set({ idleTimeout })}
        />
        <TextField
          label={trans.__('Stops without a server after')}
          placeholder="2h"
          value={values.orphanAfter}
          error={errors.orphanAfter}
          onChange={orphanAfter => model.set({ orphanAfter })}
        />
      </div>
      <ChoiceField
        label={trans.__('Profile is kept in')}
        value={values.place}
        options={[
          { value: 'config', label: trans.__('Jupyter’s settings, for all notebooks') },
          { value: 'folder', label: trans.__('scale.toml in the server’s folder') }
        ]}
        onChange={place => model.set({ place: place as IDescription['place'] })}
      />
      <CheckField
        label={trans.__('Start it now')}
        isChecked={values.startNow}
        onChange={startNow => model.set({ startNow })}
      />
    </>
  );
}
