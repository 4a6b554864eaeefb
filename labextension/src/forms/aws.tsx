/**
 * The instances of a new cluster: which type, how many, and what they would cost.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX } from 'react';

import type { IOffer } from '../api';
import { formatPerHour } from '../cost';
import type { IDescription } from '../describing';
import { formatBytes } from '../format';
import type { Choices } from './choices';
import { CheckField, NumberField, TextField } from './fields';
import type { FormModel } from './formmodel';

interface IAwsFieldsProps {
  readonly model: FormModel<IDescription>;
  readonly choices: Choices;
  readonly trans: TranslationBundle;
}

export function AwsFields({ model, choices, trans }: IAwsFieldsProps): JSX.Element {
  const { values, errors } = model;
  return (
    <>
      <TextField
        label={trans.__('Region')}
        value={values.region}
        error={errors.region}
        isRequired
        onChange={region => {
          model.set({ region });
          choices.load();
        }}
      />
      <Types model={model} choices={choices} trans={trans} />
      <TextField
        label={trans.__('Type of instances')}
        hint={trans.__('One of these, or any other that the region has')}
        placeholder="g5.xlarge"
        value={values.instanceType}
        error={errors.instanceType}
        isRequired
        onChange={instanceType => model.set({ instanceType })}
      />
      <div className="jp-scale-Field-pair">
        <NumberField
          label={trans.__('How many')}
          value={values.count}
          error={errors.count}
          min={1}
          max={1000}
          onChange={count => model.set({ count })}
        />
        <NumberField
          label={trans.__('May cost at most (USD)')}
          placeholder={trans.__('no limit')}
          value={values.maxCost}
          error={errors.maxCost}
          min={0.01}
          step="any"
          onChange={maxCost => model.set({ maxCost })}
        />
      </div>
      <CheckField
        label={trans.__('Spot instances: cheaper, but AWS may take them back')}
        isChecked={values.isSpot}
        onChange={isSpot => model.set({ isSpot })}
      />
      <Quote model={model} choices={choices} trans={trans} />
    </>
  );
}

/** The usual types, to be clicked. */
function Types({ model, choices, trans }: IAwsFieldsProps): JSX.Element {
  const { offers, offersProblem } = choices;
  if (offersProblem) {
    return <p className="jp-scale-Field-error">{offersProblem}</p>;
  }
  if (!offers) {
    return (
      <p className="jp-scale-Field-hint" role="status">
        {trans.__('Asking AWS what it offers…')}
      </p>
    );
  }
  return (
    <div
      className="jp-scale-Offers"
      tabIndex={0}
      role="group"
      aria-label={trans.__('Types')}
    >
      <table>
        <thead>
          <tr>
            <th scope="col">{trans.__('Type')}</th>
            <th scope="col">{trans.__('GPUs')}</th>
            <th scope="col">{trans.__('Cores')}</th>
            <th scope="col">{trans.__('Memory')}</th>
            <th scope="col">{trans.__('On demand')}</th>
            <th scope="col">{trans.__('Spot')}</th>
          </tr>
        </thead>
        <tbody>
          {offers.map(offer => (
            <Offer
              key={offer.name}
              offer={offer}
              isChosen={offer.name === model.values.instanceType}
              onChoose={() => model.set({ instanceType: offer.name })}
              trans={trans}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface IOfferProps {
  readonly offer: IOffer;
  readonly isChosen: boolean;
  readonly onChoose: () => void;
  readonly trans: TranslationBundle;
}

function Offer({ offer, isChosen, onChoose, trans }: IOfferProps): JSX.Element {
  const { name, gpus, cores, memory_bytes: memory } = offer;
  const [gpu] = gpus;
  return (
    <tr className={isChosen ? 'jp-mod-selected' : ''} onClick={onChoose}>
      <th scope="row">
        <button type="button" aria-pressed={isChosen} onClick={onChoose}>
          {name}
        </button>
      </th>
      <td title={gpu}>{gpu ? `${gpus.length} × ${gpu}` : '–'}</td>
      <td>{cores}</td>
      <td>{formatBytes(memory)}</td>
      <td title={offer.source}>{price(offer.usd_per_h, trans)}</td>
      <td>{price(offer.spot_usd_per_h, trans)}</td>
    </tr>
  );
}

function price(usdPerHour: number | null, trans: TranslationBundle): string {
  return usdPerHour === null ? trans.__('unknown') : formatPerHour(usdPerHour, trans);
}

/** What all of it would cost, asked for by hand: it may take AWS some seconds. */
function Quote({ model, choices, trans }: IAwsFieldsProps): JSX.Element {
  const { quote } = choices;
  return (
    <div className="jp-scale-Quote">
      <button
        className="jp-mod-styled jp-mod-reject"
        type="button"
        disabled={!model.values.instanceType.trim() || choices.isQuoting}
        onClick={() => void choices.askPrice()}
      >
        {trans.__('What would it cost?')}
      </button>
      <div role="status">
        {choices.isQuoting && <p>{trans.__('Asking AWS…')}</p>}
        {quote?.map(line => (
          <p key={line}>{line}</p>
        ))}
      </div>
    </div>
  );
}
