/**
 * When a cluster ends by itself: what its user asks for, as a form has it and as the server takes it.
 * Pure.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import { LEAST_S, parseDuration, writeDuration } from './durations';
import type { IClusterView } from './feed';
import type { Errors } from './forms/formmodel';

/** What the server takes; what is left out stays. */
export interface ILimits {
  readonly idle_timeout_s?: number;
  readonly orphan_after_s?: number;
  readonly max_cost?: number;
  readonly max_age?: number;
}

/** The fields of the form; an empty one stays as it is. */
export interface ILimitsForm {
  readonly idleTimeout: string;
  readonly orphanAfter: string;
  readonly maxCost: number | null;
  readonly maxAge: string;
}

/** The limits of a cluster as they are. */
export function limitsOf(cluster: IClusterView): ILimitsForm {
  const { idle_timeout_s: idle, orphan_after_s: orphan, cost } = cluster;
  return {
    idleTimeout: idle === null ? '' : writeDuration(idle),
    orphanAfter: orphan === null ? '' : writeDuration(orphan),
    maxCost: cost?.max_usd ?? null,
    maxAge: ''
  };
}

/** What is wrong with them. */
export function checkLimits(
  form: ILimitsForm,
  trans: TranslationBundle
): Errors<ILimitsForm> {
  const errors: Record<string, string> = {};
  for (const key of ['idleTimeout', 'orphanAfter', 'maxAge'] as const) {
    const error = checkDuration(form[key], trans);
    if (error) {
      errors[key] = error;
    }
  }
  if (form.maxCost !== null && form.maxCost <= 0) {
    errors.maxCost = trans.__('An amount above 0 is needed.');
  }
  return errors;
}

/** What is wrong with a span of time that may be left out; empty when nothing is. */
export function checkDuration(text: string, trans: TranslationBundle): string {
  const seconds = text.trim() ? parseDuration(text) : LEAST_S;
  return seconds === null || seconds < LEAST_S
    ? trans.__('A time of at least 10 s is needed, such as 30m, 2h or 7d.')
    : '';
}

/** What has to be asked of the server so that limits become those. */
export function changedLimits(before: ILimitsForm, now: ILimitsForm): ILimits {
  const changes: Record<string, number> = {};
  const spans = [
    ['idleTimeout', 'idle_timeout_s'],
    ['orphanAfter', 'orphan_after_s'],
    ['maxAge', 'max_age']
  ] as const;
  for (const [field, key] of spans) {
    const seconds = parseDuration(now[field]);
    if (seconds !== null && seconds !== parseDuration(before[field])) {
      changes[key] = seconds;
    }
  }
  if (now.maxCost !== null && now.maxCost !== before.maxCost) {
    changes.max_cost = now.maxCost;
  }
  return changes;
}
