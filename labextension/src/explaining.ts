/**
 * Shows beside a notebook what its cell would do on the cluster, without running it.
 */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget } from '@jupyterlab/apputils';
import type { Cell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { type Kernel, KernelMessage } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Panel, Widget } from '@lumino/widgets';

import { scaleIcon } from './icons';
import { type ILoadFailure, LOAD_CODE, runSilently } from './kernel';
import { explainMagic } from './magic';

const ID = 'jupyter-scale-explanation';

type Bundle = KernelMessage.IDisplayDataMsg['content']['data'];

/** Where the explanation goes: beside the notebook, or in a side bar where nothing can be beside. */
export type Beside = 'main' | 'right';

/** Asks kernels to explain cells, and shows what they say in one place. */
export class Explainer {
  constructor(
    private readonly _shell: JupyterFrontEnd.IShell,
    private readonly _beside: Beside,
    private readonly _trans: TranslationBundle
  ) {}

  /** Explain a cell of a notebook; options are those that it would get with `%%scale`. */
  async explain(panel: NotebookPanel, cell: Cell, options: string): Promise<void> {
    const kernel = panel.sessionContext.session?.kernel;
    if (!kernel) {
      return;
    }
    const source = cell.model.sharedModel.getSource();
    const view = this._show(panel, source);
    const { rendermime } = panel.content;
    try {
      view.say(this._trans.__('Asking the kernel…'));
      const failure = await runSilently(kernel, LOAD_CODE);
      const said = failure ?? (await ask(kernel, explainMagic(source, options)));
      if (isFailure(said)) {
        view.say([said.name, said.message].filter(Boolean).join(': '), true);
      } else {
        await view.render(said, rendermime);
      }
    } catch {
      view.say(this._trans.__('The kernel has ended or was restarted.'), true);
    }
  }

  /** The view, beside the notebook; it is made when it is not there. */
  private _show(panel: NotebookPanel, source: string): ExplanationView {
    let view = this._view;
    if (!view || view.isDisposed) {
      view = this._view = new ExplanationView(this._trans);
      const options: Parameters<JupyterFrontEnd.IShell['add']>[2] =
        this._beside === 'main'
          ? { mode: 'split-right', ref: panel.id, activate: false }
          : { rank: 900 };
      this._shell.add(view, this._beside, options);
    }
    if (this._beside === 'right' || !view.isVisible) {
      this._shell.activateById(view.id);
    }
    view.setSource(source);
    return view;
  }

  private _view: ExplanationView | null = null;
}

/** One explanation; the next takes its place. */
class ExplanationView extends MainAreaWidget<Panel> {
  constructor(trans: TranslationBundle) {
    const content = new Panel();
    content.addClass('jp-scale-Explanation');
    content.node.setAttribute('role', 'region');
    content.node.setAttribute('aria-label', trans.__('What the cell would do'));
    content.node.setAttribute('aria-live', 'polite');
    content.node.tabIndex = 0;
    super({ content });
    this.id = ID;
    this.title.label = trans.__('Explanation');
    this.title.caption = trans.__('What a cell would do on the cluster');
    this.title.icon = scaleIcon;
    this.title.closable = true;
  }

  /** Say of which cell it is. */
  setSource(source: string): void {
    this._source =
      explainMagic(source)
        .split('\n')
        .slice(1)
        .find(line => line.trim()) ?? '';
  }

  /** Show a text. */
  say(text: string, isError = false): void {
    const node = document.createElement(isError ? 'pre' : 'p');
    node.textContent = text;
    node.className = isError ? 'jp-scale-Field-error' : '';
    this._fill(new Widget({ node }));
  }

  async render(data: Bundle, rendermime: IRenderMimeRegistry): Promise<void> {
    const mimeType = rendermime.preferredMimeType(data, 'any') ?? 'text/plain';
    const renderer = rendermime.createRenderer(mimeType);
    await renderer.renderModel(rendermime.createModel({ data, trusted: true }));
    this._fill(renderer);
  }

  private _fill(body: Widget): void {
    for (const old of [...this.content.widgets]) {
      old.dispose();
    }
    const head = document.createElement('code');
    head.className = 'jp-scale-Explanation-source';
    head.textContent = this._source;
    this.content.addWidget(new Widget({ node: head }));
    this.content.addWidget(body);
  }

  private _source = '';
}

/** Run code whose only output is a display; return that, or what was raised. */
async function ask(
  kernel: Kernel.IKernelConnection,
  code: string
): Promise<Bundle | ILoadFailure> {
  const future = kernel.requestExecute({
    code,
    silent: false,
    store_history: false,
    allow_stdin: false,
    stop_on_error: false
  });
  let shown: Bundle = {};
  const failures: ILoadFailure[] = [];
  future.onIOPub = message => {
    if (KernelMessage.isDisplayDataMsg(message)) {
      shown = message.content.data;
    } else if (KernelMessage.isErrorMsg(message)) {
      const { ename: name, evalue } = message.content;
      failures.push({ name, message: evalue });
    }
  };
  await future.done;
  return failures[0] ?? shown;
}

function isFailure(said: Bundle | ILoadFailure): said is ILoadFailure {
  return typeof said.message === 'string' && typeof said.name === 'string';
}
