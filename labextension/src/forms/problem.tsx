/**
 * The line below a form: what the server refuses of it as a whole, or that it is being asked.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { type JSX, useEffect, useRef } from 'react';

import type { FormModel } from './formmodel';

interface IProblemProps<T extends object> {
  readonly model: FormModel<T>;
  readonly trans: TranslationBundle;
}

export function Problem<T extends object>({
  model,
  trans
}: IProblemProps<T>): JSX.Element {
  const { problem, isBusy, failures } = model;
  const node = useRef<HTMLDivElement>(null);
  // The first field that was refused gets the focus.
  useEffect(() => {
    const invalid = node.current?.parentElement?.querySelector<HTMLElement>(
      '[aria-invalid="true"]'
    );
    invalid?.focus();
  }, [failures]);
  return (
    <div className="jp-scale-Problem" role="status" ref={node}>
      {isBusy && <p>{trans.__('Asking the server…')}</p>}
      {!isBusy && problem && <p className="jp-scale-Field-error">{problem}</p>}
    </div>
  );
}
