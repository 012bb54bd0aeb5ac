// What a change would do, as `/v1/plans` tells it.

export interface Names {
  count: number;
  first: string[];
}

export interface ChangeGroup {
  id: string;
  change: string;
  clusters: Names;
  oldDeploymentID: string;
  newDeploymentID: string;
  waiting: boolean;
  objects: { change: string; apiVersion: string; kind: string; namespace: string; name: string; diff: string; elided: number }[];
  leftOut: number;
  options: string[];
  notes: string[];
  error: string;
}

/** How many clusters have which fate. */
interface Counts {
  created: number;
  changed: number;
  removed: number;
  unchanged: number;
  waiting: number;
  failed: number;
}

export interface BundlePlan extends Counts {
  bundle: string;
  change: string;
  hidden: number;
  groups: ChangeGroup[];
  moreGroups: number;
  errors: { message: string; clusters: Names }[];
  partitions: { name: string; clusters: number; maxUnavailable: number }[];
  paused: boolean;
  error: string;
}

export interface PlanReport extends Counts {
  of: string;
  commit: string;
  deployed: string;
  changes: boolean;
  bundles: BundlePlan[];
  targets: { target: string; clusters: Names }[];
  enters: Names | null;
  leaves: Names | null;
  warnings: string[];
}

export const FATES = ["created", "changed", "removed", "unchanged", "waiting", "failed"] as const;
export const MARKS: Record<string, string> = { created: "+", added: "+", changed: "~", removed: "−", unchanged: "=" };
