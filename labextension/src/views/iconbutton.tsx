/**
 * A small button with an icon, as JupyterLab's lists have them at the end of a row.
 */
import type { LabIcon } from '@jupyterlab/ui-components';
import type { JSX } from 'react';

interface IIconButtonProps {
  readonly icon: LabIcon;
  readonly label: string;
  readonly isDisabled?: boolean;
  readonly onClick: () => void;
}

/** A button that shows an icon and says its label. */
export function IconButton(props: IIconButtonProps): JSX.Element {
  const { icon: Icon, label, isDisabled, onClick } = props;
  return (
    <button
      className="jp-scale-IconButton"
      type="button"
      title={label}
      aria-label={label}
      disabled={isDisabled}
      onClick={onClick}
    >
      <Icon.react tag={null} width="16px" height="16px" />
    </button>
  );
}
