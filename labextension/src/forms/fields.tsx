/**
 * The fields of forms: each with its name, a hint, and what is wrong with it beside it.
 */
import { HTMLSelect } from '@jupyterlab/ui-components';
import { type ChangeEvent, type JSX, type ReactNode, useId } from 'react';

interface IFieldProps {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly error?: string | undefined;
}

/** What joins a field's control to its words. */
interface IControl {
  readonly id: string;
  readonly 'aria-describedby': string | undefined;
  readonly 'aria-invalid': boolean | undefined;
}

function Field(
  props: IFieldProps & { readonly control: (props: IControl) => ReactNode }
): JSX.Element {
  const { label, hint, error, control } = props;
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean);
  return (
    <div className="jp-scale-Field">
      <label htmlFor={id}>{label}</label>
      {control({
        id,
        'aria-describedby': described.join(' ') || undefined,
        'aria-invalid': error ? true : undefined
      })}
      {hint && (
        <p className="jp-scale-Field-hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error && <FieldError id={`${id}-error`} text={error} />}
    </div>
  );
}

/** What is wrong; read out as soon as it is there. */
function FieldError(props: { readonly id: string; readonly text: string }): JSX.Element {
  const { id, text } = props;
  return (
    <p className="jp-scale-Field-error" id={id} role="alert">
      {text.charAt(0).toUpperCase() + text.slice(1)}
    </p>
  );
}

interface ITextFieldProps extends IFieldProps {
  readonly value: string;
  readonly placeholder?: string;
  readonly isRequired?: boolean;
  /** What may be chosen, besides what is typed. */
  readonly suggestions?: readonly ISuggestion[];
  readonly onChange: (value: string) => void;
}

/** A value that is suggested, and what is said of it. */
export interface ISuggestion {
  readonly value: string;
  readonly label: string;
}

export function TextField(props: ITextFieldProps): JSX.Element {
  const { value, placeholder, isRequired, suggestions, onChange } = props;
  return (
    <Field
      {...props}
      control={control => (
        <>
          <input
            {...control}
            className="jp-mod-styled"
            type="text"
            value={value}
            placeholder={placeholder}
            aria-required={isRequired}
            autoComplete="off"
            spellCheck={false}
            list={suggestions && `${control.id}-list`}
            onChange={event => onChange(event.target.value)}
          />
          {suggestions && (
            <datalist id={`${control.id}-list`}>
              {suggestions.map(one => (
                <option key={one.value} value={one.value} label={one.label} />
              ))}
            </datalist>
          )}
        </>
      )}
    />
  );
}

interface INumberFieldProps extends IFieldProps {
  readonly value: number | null;
  readonly min: number;
  readonly max?: number;
  readonly step?: number | 'any';
  readonly placeholder?: string;
  readonly onChange: (value: number | null) => void;
}

export function NumberField(props: INumberFieldProps): JSX.Element {
  const { value, min, max, step, placeholder, onChange } = props;
  return (
    <Field
      {...props}
      control={control => (
        <input
          {...control}
          className="jp-mod-styled"
          type="number"
          value={value ?? ''}
          min={min}
          max={max}
          step={step}
          placeholder={placeholder}
          onChange={(event: ChangeEvent<HTMLInputElement>) => {
            const { valueAsNumber } = event.target;
            onChange(Number.isNaN(valueAsNumber) ? null : valueAsNumber);
          }}
        />
      )}
    />
  );
}

interface IChoiceFieldProps extends IFieldProps {
  readonly value: string;
  readonly options: readonly ISuggestion[];
  readonly onChange: (value: string) => void;
}

export function ChoiceField(props: IChoiceFieldProps): JSX.Element {
  const { value, options, onChange } = props;
  return (
    <Field
      {...props}
      control={control => (
        <HTMLSelect
          {...control}
          value={value}
          options={[...options]}
          onChange={event => onChange(event.target.value)}
        />
      )}
    />
  );
}

interface ICheckFieldProps {
  readonly label: ReactNode;
  readonly title?: string;
  readonly isChecked: boolean;
  readonly onChange: (isChecked: boolean) => void;
}

export function CheckField(props: ICheckFieldProps): JSX.Element {
  const { label, title, isChecked, onChange } = props;
  return (
    <label className="jp-scale-Check" title={title}>
      <input
        type="checkbox"
        checked={isChecked}
        onChange={event => onChange(event.target.checked)}
      />
      <span>{label}</span>
    </label>
  );
}

interface IRadiosProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly ISuggestion[];
  readonly onChange: (value: string) => void;
}

/** One of a few, all of them seen. */
export function Radios({ label, value, options, onChange }: IRadiosProps): JSX.Element {
  const name = useId();
  return (
    <fieldset className="jp-scale-Radios">
      <legend>{label}</legend>
      {options.map(one => (
        <label key={one.value}>
          <input
            type="radio"
            name={name}
            value={one.value}
            checked={one.value === value}
            onChange={() => onChange(one.value)}
          />
          <span>{one.label}</span>
        </label>
      ))}
    </fieldset>
  );
}
