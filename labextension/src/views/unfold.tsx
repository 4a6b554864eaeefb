/**
 * A line that unfolds what is below it.
 */
import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import type { JSX } from 'react';

interface IUnfoldProps {
  readonly label: string;
  readonly isOpen: boolean;
  readonly onToggle: () => void;
}

/** A button with a triangle; what it unfolds comes after it. */
export function Unfold({ label, isOpen, onToggle }: IUnfoldProps): JSX.Element {
  const Caret = isOpen ? caretDownIcon : caretRightIcon;
  return (
    <button
      className="jp-scale-Unfold"
      type="button"
      aria-expanded={isOpen}
      onClick={onToggle}
    >
      <Caret.react tag={null} width="16px" height="16px" aria-hidden="true" />
      <span>{label}</span>
    </button>
  );
}
