/**
 * The form in which the limits of a running cluster are prolonged.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { UseSignal } from '@jupyterlab/ui-components';
import type { JSX } from 'react';

import type { ScaleApi } from '../api';
import type { IClusterView } from '../feed';
import { changedLimits, checkLimits, type ILimitsForm, limitsOf } from '../limits';
import { NumberField, TextField } from './fields';
import { showForm } from './formdialog';
import { FormModel } from './formmodel';
import { Problem } from './problem';

/** Ask for new limits of a cluster, and have the server keep them. */
export async function changeLimits(
  cluster: IClusterView,
  api: ScaleApi,
  trans: TranslationBundle
): Promise<void> {
  const before = limitsOf(cluster);
  const model = new FormModel(before);
  await showForm({
    title: trans.__('When "%1" ends by itself', cluster.name),
    acceptLabel: trans.__('Save'),
    form: <LimitsForm model={model} hasCost={cluster.cost !== null} trans={trans} />,
    trans,
    submit: async () => {
      const errors = checkLimits(model.values, trans);
      if (Object.keys(errors).length > 0) {
        model.fail(errors);
        return false;
      }
      const changes = changedLimits(before, model.values);
      if (Object.keys(changes).length === 0) {
        return true;
      }
      model.setBusy(true);
      try {
        await api.changeLimits(cluster.id, changes);
        return true;
      } catch (error) {
        model.fail({}, error instanceof Error ? error.message : String(error));
        return false;
      } finally {
        model.setBusy(false);
      }
    }
  });
}

interface ILimitsFormProps {
  readonly model: FormModel<ILimitsForm>;
  /** Whether it is paid for. */
  readonly hasCost: boolean;
  readonly trans: TranslationBundle;
}

function LimitsForm({ model, hasCost, trans }: ILimitsFormProps): JSX.Element {
  return (
    <UseSignal signal={model.changed}>
      {() => (
        <div className="jp-scale-Form">
          <LimitFields model={model} hasCost={hasCost} trans={trans} />
          <Problem model={model} trans={trans} />
        </div>
      )}
    </UseSignal>
  );
}

function LimitFields({ model, hasCost, trans }: ILimitsFormProps): JSX.Element {
  const { values, errors } = model;
  return (
    <>
      <TextField
        label={trans.__('When nothing runs for')}
        hint={trans.__('Such as 30m or 2h')}
        value={values.idleTimeout}
        error={errors.idleTimeout}
        onChange={idleTimeout => model.set({ idleTimeout })}
      />
      <TextField
        label={trans.__('When no Jupyter server is heard for')}
        hint={trans.__('For instance because the laptop is closed')}
        value={values.orphanAfter}
        error={errors.orphanAfter}
        onChange={orphanAfter => model.set({ orphanAfter })}
      />
      {hasCost && (
        <>
          <NumberField
            label={trans.__('When it has cost (USD)')}
            value={values.maxCost}
            min={0}
            step="any"
            placeholder={trans.__('no limit')}
            error={errors.maxCost}
            onChange={maxCost => model.set({ maxCost })}
          />
          <TextField
            label={trans.__('When a machine is as old as')}
            placeholder={trans.__('as it is')}
            value={values.maxAge}
            error={errors.maxAge}
            onChange={maxAge => model.set({ maxAge })}
          />
        </>
      )}
    </>
  );
}
