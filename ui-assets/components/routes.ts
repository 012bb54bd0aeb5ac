// All pages by name, each loaded when it is first gone to. An entry puts them below its own prefix.
import type { Component } from "vue";

export interface Page {
  name: string;
  path: string;
  load: () => Promise<{ default: Component }>;
  /** The entry of the navigation it belongs to. */
  nav: string;
}

export const PAGES: readonly Page[] = [
  { name: "dashboard", path: "", nav: "dashboard", load: () => import("./pages/DashboardPage.vue") },
  { name: "gitrepos", path: "gitrepos", nav: "gitrepos", load: () => import("./pages/GitReposPage.vue") },
  { name: "gitrepo-create", path: "gitrepos/_create", nav: "gitrepos", load: () => import("./pages/GitRepoForm.vue") },
  { name: "gitrepo-edit", path: "gitrepos/:name/edit", nav: "gitrepos", load: () => import("./pages/GitRepoForm.vue") },
  { name: "gitrepo", path: "gitrepos/:name", nav: "gitrepos", load: () => import("./pages/GitRepoPage.vue") },
  { name: "helmops", path: "helmops", nav: "helmops", load: () => import("./pages/HelmOpsPage.vue") },
  { name: "helmop-create", path: "helmops/_create", nav: "helmops", load: () => import("./pages/HelmOpForm.vue") },
  { name: "helmop-edit", path: "helmops/:name/edit", nav: "helmops", load: () => import("./pages/HelmOpForm.vue") },
  { name: "helmop", path: "helmops/:name", nav: "helmops", load: () => import("./pages/HelmOpPage.vue") },
  { name: "clusters", path: "clusters", nav: "clusters", load: () => import("./pages/ClustersPage.vue") },
  { name: "cluster-add", path: "clusters/_add", nav: "clusters", load: () => import("./pages/ClusterAddPage.vue") },
  { name: "cluster", path: "clusters/:name", nav: "clusters", load: () => import("./pages/ClusterPage.vue") },
  { name: "clustergroups", path: "clustergroups", nav: "clustergroups", load: () => import("./pages/ClusterGroupsPage.vue") },
  { name: "clustergroup-create", path: "clustergroups/_create", nav: "clustergroups", load: () => import("./pages/ClusterGroupForm.vue") },
  { name: "clustergroup", path: "clustergroups/:name", nav: "clustergroups", load: () => import("./pages/ClusterGroupPage.vue") },
  { name: "clustergroup-edit", path: "clustergroups/:name/edit", nav: "clustergroups", load: () => import("./pages/ClusterGroupForm.vue") },
  { name: "rollouts", path: "rollouts", nav: "rollouts", load: () => import("./pages/RolloutsPage.vue") },
  { name: "operations", path: "operations", nav: "operations", load: () => import("./pages/OperationsPage.vue") },
  { name: "operation", path: "operations/:name", nav: "operations", load: () => import("./pages/OperationPage.vue") },
  { name: "workspaces", path: "workspaces", nav: "workspaces", load: () => import("./pages/WorkspacesPage.vue") },
  { name: "workspace", path: "workspaces/:name", nav: "workspaces", load: () => import("./pages/WorkspacePage.vue") },
  { name: "tokens", path: "tokens", nav: "tokens", load: () => import("./pages/TokensPage.vue") },
  { name: "repair", path: "repair", nav: "repair", load: () => import("./pages/RepairPage.vue") },
  { name: "bundles", path: "bundles", nav: "bundles", load: () => import("./pages/BundlesPage.vue") },
  { name: "bundle", path: "bundles/:name", nav: "bundles", load: () => import("./pages/BundlePage.vue") },
];

export function hasPage(name: string): boolean {
  return PAGES.some((page) => page.name === name);
}

/** Where one begins, and goes to when a page makes no sense in another workspace. */
export const HOME = PAGES[0]!.name;

/** What the navigation shows, in this order: the page, and the plural that one must be able to list (empty: anybody may). */
export const NAVIGATION: readonly { page: string; needs: string }[] = [
  { page: "dashboard", needs: "" },
  { page: "gitrepos", needs: "fleet.cattle.io.gitrepos" },
  { page: "helmops", needs: "fleet.cattle.io.helmops" },
  { page: "clusters", needs: "fleet.cattle.io.clusters" },
  { page: "clustergroups", needs: "fleet.cattle.io.clustergroups" },
  { page: "bundles", needs: "fleet.cattle.io.bundles" },
  { page: "rollouts", needs: "fleet.cattle.io.bundles" },
  { page: "operations", needs: "operations" },
  { page: "workspaces", needs: "management.cattle.io.fleetworkspaces" },
  { page: "tokens", needs: "fleet.cattle.io.clusterregistrationtokens" },
  { page: "repair", needs: "" },
];
