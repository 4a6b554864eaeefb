/**
 * What the user can do in the panel; asks where something could be lost, and shows what fails.
 */
import { Dialog, InputDialog, Notification, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { type ISignal, Signal } from '@lumino/signaling';

import type { ScaleApi } from './api';
import type { Attaching } from './attaching';
import type { FeedConnection } from './connection';
import type { IClusterView, IKeptRun, ILoopView, IRunView } from './feed';
import { baseName } from './format';
import { changeLimits } from './forms/limits';
import { createProfile } from './forms/newcluster';
import type { IHeld } from './holdings';
import type { HoldingsModel } from './holdingsmodel';
import { hasEnded } from './machines';
import type { MissedRuns } from './missedruns';
import { loopId } from './runs';
import { losses } from './stopping';
import { PriceLines } from './views/pricelines';

/** The profile that exists without configuration: the computer that the server runs on. */
const LOCAL = 'local';

/** What the actions work with. */
export interface IActionContext {
  readonly api: ScaleApi;
  readonly feed: FeedConnection;
  readonly trans: TranslationBundle;
  readonly attaching: Attaching;
  readonly holdings: HoldingsModel;
  readonly missed: MissedRuns;
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
    const { feed, trans } = this._context;
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
      await this._startProfile(profile);
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

  /** Ask for so many workers, of one pool if it is named. */
  resize({ id }: IClusterView, pool: string, workers: number): Promise<void> {
    return this._perform(id, () => this._context.api.scaleCluster(id, workers, pool));
  }

  /** Describe a cluster, and start it if the user wants to. */
  async create(): Promise<void> {
    const { api, feed, trans } = this._context;
    const profile = await createProfile(feed.state?.profiles ?? [], api, trans);
    if (profile) {
      await this._startProfile(profile);
    }
  }

  /** Ask for other limits of a cluster. */
  changeLimits(cluster: IClusterView): Promise<void> {
    return changeLimits(cluster, this._context.api, this._context.trans);
  }

  /** Have the notebook in front use a cluster. */
  attach(cluster: IClusterView): Promise<void> {
    const { attaching, trans } = this._context;
    const { notebook } = attaching;
    return this._perform(cluster.id, async () => {
      await attaching.attach(cluster);
      Notification.success(trans.__('%1 uses "%2" now.', notebook, cluster.name), {
        autoClose: 5000
      });
    });
  }

  /** Try again what has failed of a cluster, or one of its nodes. */
  retry({ id }: IClusterView, node = ''): Promise<void> {
    return this._perform(id, () => this._context.api.retryCluster(id, node));
  }

  /** Stop a cluster, after it was said what is lost; remove one that has ended. */
  async stop(cluster: IClusterView): Promise<void> {
    if (hasEnded(cluster) || (await this._confirmStop(cluster))) {
      await this._perform(cluster.id, () => this._context.api.stopCluster(cluster.id));
    }
  }

  /** Interrupt a run, as the notebook's own stop button would. */
  interrupt(run: IRunView): Promise<void> {
    return this._perform(run.id, () => this._context.api.interruptRun(run.id));
  }

  /** Stop one loop of a run, if it still goes on when the cell hears of it. */
  stopLoop(run: IRunView, loop: ILoopView): Promise<void> {
    const { api, trans } = this._context;
    return this._perform(loopId(run, loop), async () => {
      switch (await api.stopLoop(run.id, loop.number)) {
        case 'late':
          Notification.info(
            trans.__('The loop in line %1 had ended: nothing was stopped.', loop.line),
            { autoClose: 5000 }
          );
          break;
        case 'waiting':
          Notification.info(
            trans.__(
              'The cell does not react yet. It stops the loop in line %1 as soon as it does, if that still goes on.',
              loop.line
            ),
            { autoClose: 8000 }
          );
      }
    });
  }

  /** Have the cluster let go of a name; of what is there only it is said before that it is lost. */
  async free(held: IHeld): Promise<void> {
    const { holdings, trans } = this._context;
    const { id, name } = held;
    if (held.state !== 'stays' || (await this._confirmLoss(held))) {
      await this._perform(id, async () => {
        await holdings.run(`%scale free ${name}`);
        Notification.success(trans.__('The cluster has let go of %1.', name), {
          autoClose: 3000
        });
      });
    }
  }

  /** Bring a value here that stays on the cluster. */
  fetch({ id, name }: IHeld): Promise<void> {
    const { holdings, trans } = this._context;
    return this._perform(id, async () => {
      await holdings.run(`%scale get ${name}`);
      Notification.success(trans.__('%1 is in the notebook now.', name), {
        autoClose: 3000
      });
    });
  }

  /** Put the output of a run under its cell. */
  showMissed(run: IKeptRun): Promise<void> {
    return this._perform(run.id, () => this._context.missed.show(run));
  }

  /** Bring the names that a run has left into its notebook's kernel. */
  fetchMissed(run: IKeptRun): Promise<void> {
    return this._perform(run.id, () => this._context.missed.fetch(run));
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

  /** Start a cluster; what it costs is said before. */
  private _startProfile(profile: string): Promise<void> {
    const { api, trans } = this._context;
    return this._perform(NEW, async () => {
      const lines = await api.quote(profile);
      if (lines.length > 0) {
        const { button } = await showDialog({
          title: trans.__('Start the cluster "%1"?', profile),
          body: <PriceLines lines={lines} />,
          buttons: [Dialog.cancelButton(), Dialog.okButton({ label: trans.__('Start') })]
        });
        if (!button.accept) {
          return;
        }
      }
      await api.startCluster({ profile });
    });
  }

  private async _confirmStop(cluster: IClusterView): Promise<boolean> {
    const { feed, trans } = this._context;
    const said = losses(cluster, feed.state?.runs ?? [], feed.now(), trans);
    const { button } = await showDialog({
      title: trans.__('Stop the cluster "%1"?', cluster.name),
      body: said.join(' '),
      buttons: [
        Dialog.cancelButton({ label: trans.__('Keep It') }),
        Dialog.warnButton({ label: trans.__('Stop Cluster') })
      ]
    });
    return button.accept;
  }

  private async _confirmLoss({ name, canFetch }: IHeld): Promise<boolean> {
    const { trans } = this._context;
    const lost = trans.__(
      'Its value is on the cluster only: it is lost, and the cell that makes it has to run again.'
    );
    const { button } = await showDialog({
      title: trans.__('Free %1?', name),
      body: canFetch ? `${lost} ${trans.__('Fetch it first to keep it here.')}` : lost,
      buttons: [
        Dialog.cancelButton({ label: trans.__('Keep It') }),
        Dialog.warnButton({ label: trans.__('Free It') })
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
