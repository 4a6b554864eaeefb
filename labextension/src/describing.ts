/**
 * A new cluster as a form describes it, and the table of `scale.toml` that this is. Pure.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Errors } from './forms/formmodel';
import { checkDuration } from './limits';

/** Where nodes come from. */
export type Provider = 'local' | 'ssh' | 'aws';

/** The fields of the form; those of another provider are kept while it is not chosen. */
export interface IDescription {
  readonly provider: Provider;
  readonly name: string;
  /** Which `scale.toml`: Jupyter's own, or that of the server's folder. */
  readonly place: 'config' | 'folder';
  readonly workers: number | null;
  readonly hosts: readonly string[];
  /** Hosts that ssh_config does not name, with spaces or commas between them. */
  readonly otherHosts: string;
  readonly region: string;
  readonly instanceType: string;
  readonly count: number | null;
  readonly isSpot: boolean;
  readonly maxCost: number | null;
  readonly idleTimeout: string;
  readonly orphanAfter: string;
  readonly startNow: boolean;
}

/** A profile as JSON: what `[clusters.NAME]` holds. */
export type Table = Readonly<Record<string, unknown>>;

const NAMES: Record<Provider, string> = { local: 'mine', ssh: 'lab', aws: 'train' };

/** With what the form begins. */
export const FIRST: IDescription = {
  provider: 'local',
  name: NAMES.local,
  place: 'config',
  workers: null,
  hosts: [],
  otherHosts: '',
  region: 'us-east-1',
  instanceType: '',
  count: 1,
  isSpot: false,
  maxCost: null,
  idleTimeout: '30m',
  orphanAfter: '2h',
  startNow: true
};

/** A name for a provider's cluster that no profile has. */
export function freeName(provider: Provider, taken: readonly string[]): string {
  const name = NAMES[provider];
  let number = 1;
  let free = name;
  while (taken.includes(free)) {
    number += 1;
    free = `${name}${number}`;
  }
  return free;
}

/** All hosts, those that were picked first. */
export function allHosts({ hosts, otherHosts }: IDescription): readonly string[] {
  return [...new Set([...hosts, ...otherHosts.split(/[\s,]+/).filter(Boolean)])];
}

/** The profile that is described; the server has the last word on it. */
export function toTable(form: IDescription): Table {
  const limits = {
    idle_timeout: form.idleTimeout.trim() || null,
    orphan_after: form.orphanAfter.trim() || null
  };
  switch (form.provider) {
    case 'local':
      return {
        provider: 'local',
        ...limits,
        pools: form.workers === null ? null : [{ workers: form.workers }]
      };
    case 'ssh':
      return {
        provider: 'ssh',
        ...limits,
        pools: [{ hosts: allHosts(form), workers: form.workers }]
      };
    case 'aws':
      return {
        provider: 'aws',
        region: form.region.trim(),
        max_cost: form.maxCost,
        ...limits,
        pools: [
          {
            instance_type: form.instanceType.trim(),
            count: form.count ?? 1,
            spot: form.isSpot
          }
        ]
      };
  }
}

/** What is seen to be wrong without asking the server. */
export function check(
  form: IDescription,
  taken: readonly string[],
  trans: TranslationBundle
): Errors<IDescription> {
  const errors: Record<string, string> = {};
  if (!form.name.trim()) {
    errors.name = trans.__('A name is needed: %1 is called with it.', '%scale up NAME');
  } else if (taken.includes(form.name.trim())) {
    errors.name = trans.__('There is a profile of this name: choose another one.');
  }
  if (form.provider === 'ssh' && allHosts(form).length === 0) {
    errors.otherHosts = trans.__('At least one host is needed.');
  }
  if (form.provider === 'aws' && !form.region.trim()) {
    errors.region = trans.__('A region is needed, such as us-east-1.');
  }
  if (form.provider === 'aws' && !form.instanceType.trim()) {
    errors.instanceType = trans.__('A type is needed, such as g5.xlarge.');
  }
  for (const key of ['idleTimeout', 'orphanAfter'] as const) {
    const error = checkDuration(form[key], trans);
    if (error) {
      errors[key] = error;
    }
  }
  return errors;
}

const FIELDS: Record<string, keyof IDescription> = {
  name: 'name',
  workers: 'workers',
  hosts: 'otherHosts',
  region: 'region',
  instance_type: 'instanceType',
  count: 'count',
  spot: 'isSpot',
  max_cost: 'maxCost',
  idle_timeout: 'idleTimeout',
  orphan_after: 'orphanAfter'
};

/** The field that shows a key of the profile; null when none does. */
export function fieldOf(key: string): keyof IDescription | null {
  return FIELDS[key] ?? null;
}
