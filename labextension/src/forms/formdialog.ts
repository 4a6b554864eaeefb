/**
 * A dialog around a form: it stays until what was filled in is accepted, or it is given up.
 */
import { Dialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { JSX } from 'react';

const [CANCEL, ACCEPT] = [0, 1] as const;

/** What a form's dialog is made of. */
export interface IFormDialogOptions {
  readonly title: string;
  readonly acceptLabel: string;
  readonly form: JSX.Element;
  readonly trans: TranslationBundle;
  /** Do it, and tell whether that went well; else the form says what was wrong. */
  readonly submit: () => Promise<boolean>;
}

/** Show a form; true once it was submitted. */
export async function showForm(options: IFormDialogOptions): Promise<boolean> {
  const { button } = await new FormDialog(options).launch();
  return button.accept;
}

class FormDialog extends Dialog<unknown> {
  constructor(private readonly _options: IFormDialogOptions) {
    const { title, acceptLabel, form, trans } = _options;
    super({
      title,
      body: new Body(form),
      buttons: [
        Dialog.cancelButton({ label: trans.__('Cancel') }),
        Dialog.okButton({ label: acceptLabel })
      ],
      focusNodeSelector: 'input, select'
    });
    this.addClass('jp-scale-FormDialog');
  }

  override resolve(index: number = ACCEPT): void {
    if (index === CANCEL) {
      super.resolve(CANCEL);
    } else if (!this._isAsking && !this.node.querySelector(':invalid')) {
      void this._submit();
    }
  }

  /** JupyterLab takes the Enter of buttons that are not its own. */
  override handleEvent(event: Event): void {
    const isOwn =
      event instanceof KeyboardEvent &&
      event.key === 'Enter' &&
      event.target instanceof HTMLElement &&
      event.target.closest('.jp-scale-Form button, .jp-scale-Form summary');
    if (!isOwn) {
      super.handleEvent(event);
    }
  }

  private async _submit(): Promise<void> {
    this._isAsking = true;
    try {
      if (await this._options.submit()) {
        super.resolve(ACCEPT);
        return;
      }
    } finally {
      this._isAsking = false;
    }
  }

  private _isAsking = false;
}

class Body extends ReactWidget {
  constructor(private readonly _form: JSX.Element) {
    super();
  }

  protected override render(): JSX.Element {
    return this._form;
  }
}
