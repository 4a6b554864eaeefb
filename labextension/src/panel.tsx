/**
 * The side panel: its sections, and what is in their toolbars.
 */
import type { ITranslator } from '@jupyterlab/translation';
import {
  addIcon,
  type LabIcon,
  ReactWidget,
  refreshIcon,
  runIcon,
  SidePanel
} from '@jupyterlab/ui-components';
import { type AccordionPanel, Panel } from '@lumino/widgets';

import { scaleIcon } from './icons';
import { LiveView, Section, type Subject } from './section';
import { Banner } from './views/banner';
import { Clusters } from './views/clusters';
import type { IPanelContext } from './views/context';
import { Data } from './views/data';
import { IconButton } from './views/iconbutton';
import { Log } from './views/log';
import { Nodes } from './views/nodes';
import { Runs } from './views/runs';
import { watchWhileSeen } from './watching';

/** The panel's id in the application, and in saved layouts. */
export const PANEL_ID = 'jupyter-scale-panel';

/** The sections' heights: a failed start is seen in whole, and of runs there are most. */
const SIZES = [4, 3, 4, 3, 3];

const clustersOf: Subject = ({ clusters }) => clusters;
const runsOf: Subject = ({ runs }) => runs;
const logOf: Subject = ({ log }) => log;

/** Build the side panel. */
export function createPanel(context: IPanelContext, translator: ITranslator): SidePanel {
  const { actions, trans } = context;
  const panel = new SidePanel({ translator, header: bannerFor(context) });
  panel.id = PANEL_ID;
  panel.addClass('jp-scale-Panel');
  panel.title.icon = scaleIcon;
  panel.title.caption = trans.__('Clusters for %1', '%%scale');
  panel.node.setAttribute('role', 'region');
  panel.node.setAttribute('aria-label', panel.title.caption);
  const clusters = new Section(
    'clusters',
    trans.__('Clusters'),
    Clusters,
    clustersOf,
    context
  );
  // JupyterLab's own button claims to be a toggle.
  const add = (name: string, icon: LabIcon, label: string, act: () => unknown): void => {
    const button = <IconButton icon={icon} label={label} onClick={() => void act()} />;
    clusters.toolbar.addItem(name, ReactWidget.create(button));
  };
  add('start', runIcon, trans.__('Start a Cluster'), () => actions.start());
  add('new', addIcon, trans.__('New Cluster…'), () => actions.create());
  panel.addWidget(clusters);
  const nodes = new Section('nodes', trans.__('Nodes'), Nodes, clustersOf, context);
  nodes.node.tabIndex = 0; // little in it takes the focus, and it has to be scrolled by keyboard
  panel.addWidget(nodes);
  panel.addWidget(new Section('runs', trans.__('Runs'), Runs, runsOf, context));
  panel.addWidget(dataSection(context));
  const log = new Section('log', trans.__('Log'), Log, logOf, context);
  log.node.tabIndex = 0; // as of the nodes
  log.hide(); // it is unfolded by whoever looks for something; notices come by themselves
  panel.addWidget(log);
  (panel.content as AccordionPanel).setRelativeSizes(SIZES);
  return panel;
}

/** What the notebook in front has there; its kernel is asked while this is seen. */
function dataSection(context: IPanelContext): Section {
  const { holdings, trans } = context;
  const data = new Section(
    'data',
    trans.__('Data'),
    Data,
    runsOf,
    context,
    holdings.changed
  );
  data.node.tabIndex = 0;
  data.toolbar.addItem(
    'refresh',
    ReactWidget.create(
      <IconButton
        icon={refreshIcon}
        label={trans.__('Ask the Kernel Again')}
        onClick={() => holdings.refresh()}
      />
    )
  );
  watchWhileSeen(data, holdings);
  return data;
}

function bannerFor(context: IPanelContext): Panel {
  const header = new Panel();
  header.addWidget(new LiveView(Banner, () => null, context));
  return header;
}
