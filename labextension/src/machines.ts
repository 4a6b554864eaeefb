/**
 * The machines of a cluster: how far the start of each is, and which belong together. Pure.
 */
import type { ClusterStatus, IClusterView, INodeView } from './feed';
import { firstLine } from './format';

/** The step of a machine is named after its node. */
const STEP_PREFIX = 'node ';

/** How far the start of one machine is. */
export interface IMachine {
  readonly name: string;
  /** While the cluster is starting, a machine whose workers have all joined runs already. */
  readonly status: ClusterStatus;
  /** What it does, or why it failed; empty as long as nothing was heard of it. */
  readonly message: string;
}

/** The machines of a cluster in the order of its profile; none where nodes are processes here. */
export function machinesOf({ nodes, steps }: IClusterView): readonly IMachine[] {
  const messages = new Map(
    steps
      .filter(({ step }) => step.startsWith(STEP_PREFIX))
      .map(({ step, message }) => [step.slice(STEP_PREFIX.length), message])
  );
  if (messages.size === 0) {
    return [];
  }
  return nodes.map(node => ({
    name: node.name,
    status: hasJoined(node) ? 'running' : node.status,
    message: withoutName(
      firstLine(node.error) || (messages.get(node.name) ?? ''),
      node.name
    )
  }));
}

/** The steps that are of no machine. */
export function clusterSteps({ steps }: IClusterView): IClusterView['steps'] {
  return steps.filter(({ step }) => !step.startsWith(STEP_PREFIX));
}

/** Some nodes of the same pool. */
export interface IPool {
  readonly name: string;
  readonly nodes: readonly INodeView[];
}

/** The nodes by their pools, both in their order. */
export function poolsOf(nodes: readonly INodeView[]): readonly IPool[] {
  const pools = new Map<string, INodeView[]>();
  for (const node of nodes) {
    const pool = pools.get(node.pool);
    if (pool) {
      pool.push(node);
    } else {
      pools.set(node.pool, [node]);
    }
  }
  return [...pools].map(([name, members]) => ({ name, nodes: members }));
}

/** How many of them run. */
export function countRunning(nodes: readonly { status: ClusterStatus }[]): number {
  return nodes.filter(({ status }) => status === 'running').length;
}

function hasJoined({ status, workers, workers_wanted: wanted }: INodeView): boolean {
  return status === 'starting' && wanted > 0 && workers >= wanted;
}

/** A message without the name that it begins with: the name is beside it. */
function withoutName(message: string, name: string): string {
  const prefix = `${name}: `;
  return message.startsWith(prefix) ? message.slice(prefix.length) : message;
}

/** Whether nothing of it runs any more. */
export function hasEnded({ status }: IClusterView): boolean {
  return status === 'stopped' || status === 'failed';
}

/** Those that do not run, and why is known. */
export function failedNodes({ nodes }: IClusterView): readonly INodeView[] {
  return nodes.filter(({ status }) => status === 'failed');
}

/** Whether the server can try again what has failed: nodes of what runs, or the whole start. */
export function canRetry({ status, owner, nodes }: IClusterView): boolean {
  const hasFailed =
    status === 'failed' ||
    (status === 'running' && nodes.some(node => node.status === 'failed'));
  return hasFailed && owner === 'server';
}
