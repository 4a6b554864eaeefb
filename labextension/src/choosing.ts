/**
 * Shows those sections of the panel that the user wants to see.
 */
import type { SidePanel } from '@jupyterlab/ui-components';
import type { Widget } from '@lumino/widgets';

import { Section } from './section';

/** The names of the sections that settings leave out: `showRuns: false` is that of the runs. */
export function hiddenSections(settings: object): readonly string[] {
  return Object.entries(settings)
    .filter(([key, value]) => key.startsWith('show') && value === false)
    .map(([key]) => key.slice('show'.length).toLowerCase());
}

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
    if (wanted.length === this._panel.widgets.length) {
      return; // only whether they are there can change, not their order
    }
    // All of them anew: one that is put in between would come last for screen readers.
    for (const section of this._sections) {
      section.parent = null;
    }
    for (const section of wanted) {
      this._panel.addWidget(section);
    }
  }

  private readonly _sections: readonly Widget[];
}
