/**
 * Shows those sections of the panel that the user wants to see.
 */
import type { SidePanel } from '@jupyterlab/ui-components';
import type { Widget } from '@lumino/widgets';

import { Section } from './section';

/** Leaves sections out of a panel, and puts them back where they were. */
export class SectionChooser {
  constructor(private readonly _panel: SidePanel) {
    this._sections = [..._panel.widgets];
  }

  /** Show all but those of these names. */
  hide(names: readonly string[]): void {
    const wanted = this._sections.filter(
      one => !(one instanceof Section && names.includes(one.name))
    );
    for (const section of this._sections) {
      if (!wanted.includes(section)) {
        section.parent = null;
      }
    }
    wanted.forEach((section, index) => {
      if (this._panel.widgets[index] !== section) {
        this._panel.insertWidget(index, section);
      }
    });
  }

  private readonly _sections: readonly Widget[];
}
