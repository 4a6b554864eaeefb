/**
 * The icons of jupyter-scale; they take the theme's colours.
 */
import { LabIcon } from '@jupyterlab/ui-components';

import scaleSvg from '../style/icons/scale.svg';
import tasksSvg from '../style/icons/tasks.svg';
import workersSvg from '../style/icons/workers.svg';

/** One cell that becomes many tasks. */
export const scaleIcon = new LabIcon({ name: 'jupyter-scale:scale', svgstr: scaleSvg });

/** What workers did, one below the other. */
export const tasksIcon = new LabIcon({ name: 'jupyter-scale:tasks', svgstr: tasksSvg });

/** Sliders: how many workers there shall be. */
export const workersIcon = new LabIcon({
  name: 'jupyter-scale:workers',
  svgstr: workersSvg
});
