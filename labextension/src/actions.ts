/**
 * What the user can do in the panel; asks where something could be lost, and shows what fails.
 */
import { Dialog, InputDialog, Notification, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { type ISignal, Signal } from '@lumino/signaling';

import type { ScaleApi } from './api';
import type { FeedConnection } from './connection';
import type { IClusterView, IRunView } from './feed';
import { baseName } from './format';
import { isActive } from './runs';

/** The profile that exists without configuration: the computer that the server runs on. */
const LOCAL = 'local';

/** What the actions work with. */
export interface IActionContext {
  readonly api: ScaleApi;
  readonly feed: FeedConnection;
  readonly trans: TranslationBundle;
  readonly reveal: (run: IRunView) => Promise<boolean>;
}

/** The user's actions; each runs at most once at a time for the same thing. */
export class Actions {
  constructor(private readonly _context: IActionContext) {}

  /** Emitted when an action begins or ends. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Whether something is being asked of the server for this id (or for a new cluster). */
  isBusy(id = NEW): boolean {
    return this._busy.has(id);
  }

  /** Start a cluster on this computer. */
  startLocal(): Promise<void> {
    return this._perform(NEW, () => this._context.api.startCluster({}));
  }

  /** Start a cluster of a profile that the user chooses, if there is a choice. */
  async start(): Promise<void> {
    const { api, feed, trans } = this._context;
    const profiles = feed.state?.profiles ?? [];
    if (!profiles.some(name => name !== LOCAL)) {
      return this.startLocal();
    }
    const items = [LOCAL, ...profiles.filter(name => name !== LOCAL)];
    const chosen = await InputDialog.getItem({
      title: trans.__('Start a cluster'),
      label: trans.__('Profile'),
      items,
      okLabel: trans.__('Start')
    });
    const profile = chosen.value;
    if (chosen.button.accept && profile) {
      await this._perform(NEW, () => api.startCluster({ profile }));
    }
  }

  /** Ask for the number of workers. */
  async scale(cluster: IClusterView): Promise<void> {
    const { api, trans } = this._context;
    const wanted = cluster.nodes
      .filter(({ status }) => status !== 'failed')
      .reduce((sum, node) => sum + node.workers_wanted, 0);
    const answer = await InputDialog.getNumber({
      title: trans.__('Scale the cluster "%1"', cluster.name),
      label: trans.__('Workers (one works on one thing at a time)'),
      value: wanted,
      okLabel: trans.__('Scale')
    });
    const workers = Math.round(answer.value ?? NaN);
    if (answer.button.accept && workers >= 1 && workers !== wanted) {
      await this._perform(cluster.id, () => api.scaleCluster(cluster.id, workers));
    }
  }

  /** Try again what has failed of a cluster. */
  retry({ id }: IClusterView): Promise<void> {
    return this._perform(id, () => this._context.api.retryCluster(id));
  }

  /** Stop a cluster; asks first when runs would end with it. */
  async stop(cluster: IClusterView): Promise<void> {
    const { api, feed } = this._context;
    const active =
      feed.state?.runs.filter(run => run.cluster === cluster.id && isActive(run)) ?? [];
    if (active.length === 0 || (await this._confirmStop(cluster, active))) {
      await this._perform(cluster.id, () => api.stopCluster(cluster.id));
    }
  }

  /** Interrupt a run, as the notebook's own stop button would. */
  interrupt(run: IRunView): Promise<void> {
    return this._perform(run.id, () => this._context.api.interruptRun(run.id));
  }

  /** Go to the cell of a run. */
  async reveal(run: IRunView): Promise<void> {
    const { reveal, trans } = this._context;
    if (!(await reveal(run).catch(() => false))) {
      Notification.warning(
        run.notebook
          ? trans.__('This cell is no longer in %1.', baseName(run.notebook))
          : trans.__('The notebook of this cell is not open.'),
        { autoClose: 5000 }
      );
    }
  }

  private async _confirmStop(
    { name }: IClusterView,
    active: readonly IRunView[]
  ): Promise<boolean> {
    const { trans } = this._context;
    const { button } = await showDialog({
      title: trans.__('Stop the cluster "%1"?', name),
      body: trans._n(
        '%1 cell is running on it and will be interrupted.',
        '%1 cells are running on it and will be interrupted.',
        active.length
      ),
      buttons: [
        Dialog.cancelButton({ label: trans.__('Keep It') }),
        Dialog.warnButton({ label: trans.__('Stop Cluster') })
      ]
    });
    return button.accept;
  }

  private async _perform(id: string, act: () => Promise<void>): Promise<void> {
    if (this._busy.has(id)) {
      return;
    }
    this._busy.add(id);
    this._changed.emit();
    try {
      await act();
    } catch (error) {
      Notification.error(error instanceof Error ? error.message : String(error), {
        autoClose: false
      });
    } finally {
      this._busy.delete(id);
      this._changed.emit();
    }
  }

  private readonly _busy = new Set<string>();
  private readonly _changed = new Signal<this, void>(this);
}

const NEW = '';
