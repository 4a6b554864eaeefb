/**
 * Something that is on or off.
 */
import type { JSX } from 'react';

interface ICheckProps {
  readonly label: string;
  readonly isChecked: boolean;
  readonly onChange: (isChecked: boolean) => void;
}

/** A box to be checked, and its label. */
export function Check({ label, isChecked, onChange }: ICheckProps): JSX.Element {
  return (
    <label>
      <input
        type="checkbox"
        checked={isChecked}
        onChange={event => onChange(event.target.checked)}
      />
      {label}
    </label>
  );
}
