/**
 * Writes what a run has shown under its cell, as a kernel's messages would have.
 */
import type { ICodeCellModel } from '@jupyterlab/cells';

type Outputs = ICodeCellModel['outputs'];
type Output = Parameters<Outputs['add']>[0];

/** As much of a cell's outputs as the writer uses. */
export type IOutputs = Pick<Outputs, 'add' | 'set' | 'clear'>;

/** One message: an output of nbformat, or one that changes those before it. */
export interface IOutputMessage {
  readonly output_type: string;
  readonly wait?: boolean;
  readonly transient?: { readonly display_id?: string };
  readonly [key: string]: unknown;
}

/** What comes at once; the last batch says how the run ended. */
export interface IOutputBatch {
  readonly outputs: readonly IOutputMessage[];
  readonly status?: string;
}

/** Begins with nothing: whatever was there is replaced, so that nothing is there twice. */
export class OutputWriter {
  constructor(private readonly _outputs: IOutputs) {
    _outputs.clear();
  }

  write(message: IOutputMessage): void {
    switch (message.output_type) {
      case 'clear_output':
        this._outputs.clear(message.wait);
        this._clearsNext = message.wait === true;
        if (!this._clearsNext) {
          this._displays.clear();
        }
        break;
      case 'update_display_data':
        for (const index of this._displays.get(idOf(message)) ?? []) {
          this._outputs.set(index, asOutput(message));
        }
        break;
      default:
        this._add(message);
    }
  }

  private _add(message: IOutputMessage): void {
    if (this._clearsNext) {
      this._clearsNext = false;
      this._displays.clear();
    }
    const index = this._outputs.add(asOutput(message)) - 1;
    const id = idOf(message);
    if (id) {
      this._displays.set(id, [...(this._displays.get(id) ?? []), index]);
    }
  }

  private readonly _displays = new Map<string, readonly number[]>();
  private _clearsNext = false;
}

function idOf({ transient }: IOutputMessage): string {
  return transient?.display_id ?? '';
}

/** The output that a file keeps: without what is for the moment only. */
function asOutput(message: IOutputMessage): Output {
  const kept = Object.entries(message).filter(([key]) => key !== 'transient');
  const isUpdate = message.output_type === 'update_display_data';
  return {
    ...Object.fromEntries(kept),
    output_type: isUpdate ? 'display_data' : message.output_type
  };
}
