// The API's shapes, as far as the pages read them. Names are the API's own.

export interface State {
  name: string;
  error: boolean;
  transitioning: boolean;
  message: string;
}

export interface Metadata {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  state: State;
  fields?: string[];
}

export interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastUpdateTime?: string;
  lastTransitionTime?: string;
}

export interface Summary {
  ready?: number;
  desiredReady?: number;
  notReady?: number;
  waitApplied?: number;
  errApplied?: number;
  outOfSync?: number;
  modified?: number;
  pending?: number;
  nonReadyResources?: { bundleState?: string; name?: string; message?: string }[];
}

/** What can be read from an object without knowing its kind. A link or action that is absent may not be used. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- spec and status differ by kind
export interface Resource<S = any, T = any> {
  id: string;
  type: string;
  kind?: string;
  apiVersion?: string;
  links: Record<string, string>;
  actions?: Record<string, string>;
  metadata: Metadata;
  spec?: S;
  status?: T;
}

export interface Collection<R = Resource> {
  type: "collection";
  links: Record<string, string>;
  resourceType: string;
  count: number;
  data: R[];
  revision?: string;
  continue?: string;
  createTypes?: Record<string, string>;
  actions?: Record<string, string>;
}

export interface ErrorGroup extends Resource {
  message: string;
  example: string;
  shape: string;
  clusters: number;
  deployments: number;
  bundles: string[];
  clusterNames: string[];
  since: string;
}

/** A field that is not as deployed; values are JSON, empty where the field is not there, and nobody is named who is not certain. */
export interface FieldChange {
  path: string;
  wanted?: string;
  found?: string;
  manager?: string;
  time?: string;
}

export interface DeployedResource {
  id: string;
  type: string;
  apiVersion: string;
  kind: string;
  namespace: string;
  name: string;
  state: string;
  message?: string;
  changes?: FieldChange[];
  bundle: string;
  cluster: string;
  bundleDeployment: string;
}

/** The plural of each kind in URLs; the schema id is what resources and events carry as their type. */
export const PLURALS = {
  "fleet.cattle.io.gitrepo": "fleet.cattle.io.gitrepos",
  "fleet.cattle.io.helmop": "fleet.cattle.io.helmops",
  "fleet.cattle.io.bundle": "fleet.cattle.io.bundles",
  "fleet.cattle.io.bundledeployment": "fleet.cattle.io.bundledeployments",
  "fleet.cattle.io.cluster": "fleet.cattle.io.clusters",
  "fleet.cattle.io.clustergroup": "fleet.cattle.io.clustergroups",
  "fleet.cattle.io.clusterregistrationtoken": "fleet.cattle.io.clusterregistrationtokens",
  "management.cattle.io.fleetworkspace": "management.cattle.io.fleetworkspaces",
} as const;
export type TypeId = keyof typeof PLURALS;
