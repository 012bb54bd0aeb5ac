// What Rancher's dashboard hands to an extension (its shell 3, Vue 3), as far as it is used here. Everything of the host that may be
// missing in one of its versions is marked so.
import type { Component } from "vue";
import type { Router } from "vue-router";

/** The dashboard's Vuex store. */
export interface Store {
  state: Record<string, unknown>;
  getters: Record<string, unknown>;
  commit(mutation: string, payload?: unknown): void;
  dispatch(action: string, payload?: unknown): Promise<unknown>;
  watch<T>(getter: () => T, changed: (value: T) => void, options?: { immediate?: boolean }): () => void;
}

export interface Internal {
  app: { router: Router };
  store: Store;
}

/** What the dashboard knows of an object in one of its tables. */
export interface HostResource {
  type: string;
  id: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  status?: { fleetWorkspaceName?: string };
}

export interface TableAction {
  label: string;
  icon: string;
  multiple: boolean;
  enabled: (resource: HostResource) => boolean;
  invoke: (options: unknown, resources: HostResource[]) => void;
}

export interface HostRoute {
  name: string;
  path: string;
  component: Component;
  props: Record<string, unknown>;
  meta: Record<string, string>;
}

export interface Dsl {
  product(options: Record<string, unknown>): void;
  virtualType(options: Record<string, unknown>): void;
  basicType(types: string[], group?: string): void;
}

export interface Product {
  init(plugin: Plugin, store: Store): void;
}

export interface Plugin {
  metadata: unknown;
  DSL(store: Store, product: string): Dsl;
  addProduct(product: Product): void;
  addL10n(locale: string, load: () => Promise<{ default: unknown }>): void;
  addRoutes(routes: { parent: string; route: HostRoute }[]): void;
  addAction(where: string, when: { product: string[]; resource: string[] }, action: TableAction): void;
}

/** The cluster in addresses that are of none. */
export const BLANK = "_";
export const CLUSTER = "fleet.cattle.io.cluster";
export const PROVISIONED = "provisioning.cattle.io.cluster";

/** The cluster of Continuous Delivery that a row of one of Rancher's cluster tables is: what Rancher provisioned has the same name. */
export function clusterOf(resource: HostResource): string {
  const { name, namespace = "" } = resource.metadata;
  return `${(resource.type === PROVISIONED && resource.status?.fleetWorkspaceName) || namespace}/${name}`;
}

/** Rancher's own cluster is where the engine is, and never moves. */
export function isLocal(resource: HostResource): boolean {
  return clusterOf(resource) === "fleet-local/local";
}

/** A cookie that scripts may read, empty when there is none. */
export function cookie(name: string, all = document.cookie): string {
  const found = all.split("; ").find((one) => one.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}
