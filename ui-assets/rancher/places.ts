// The pages in the dashboard's addresses. Rancher marks an entry of its menu as the one where one is when the address begins with the
// entry's, so the navigation's part of an address comes before the workspace.
import type { Component } from "vue";
import type { Router } from "vue-router";
import type { Naming } from "../components/core/routing";
import { NAVIGATION, PAGES } from "../components/routes";
import { BLANK, type HostRoute } from "./host";

export interface InProduct {
  /** The dashboard's name of the product. */
  product: string;
  prefix: string;
  root: string;
}
/** Rancher's own product, and ours for where Rancher hides that one. */
export const FLEET: InProduct = { product: "fleet", prefix: "fleet-c-cluster-continuous-delivery-", root: "/fleet/c/:cluster/continuous-delivery" };
export const OWN: InProduct = { product: "continuous-delivery", prefix: "continuous-delivery-c-cluster-", root: "/continuous-delivery/c/:cluster" };
export const EXPLORER = "c-cluster-explorer-continuous-delivery";

const PARENT = "default";
const ENTRY = "entry-";

/** What a menu leads to: the page, in the workspace that was chosen last. */
export function entryOf(within: InProduct, page: string): { name: string; params: Record<string, string> } {
  return { name: `${within.prefix}${ENTRY}${page}`, params: { cluster: BLANK } };
}

export function routes(frame: Component, explorer: Component, props: Record<string, unknown>): { parent: string; route: HostRoute }[] {
  const found = [FLEET, OWN].flatMap((within) => {
    const meta = { product: within.product, cluster: BLANK };
    const entries = NAVIGATION.map(({ page }) => ({ name: entryOf(within, page).name, path: `${within.root}/${page}`, component: frame, props, meta }));
    const pages = PAGES.map((page) => {
      const rest = page.path.startsWith(page.nav) ? page.path.slice(page.nav.length) : `/${page.path}`;
      const path = `${within.root}/${page.nav}/w/:workspace${rest}`.replace(/\/$/, "");
      return { name: within.prefix + page.name, path, component: frame, props, meta };
    });
    return [...entries, ...pages];
  });
  const meta = { product: "explorer" };
  const inExplorer = { name: EXPLORER, path: "/c/:cluster/explorer/continuous-delivery", component: explorer, props, meta };
  return [...found, inExplorer].map((route) => ({ parent: PARENT, route }));
}

/** Names of routes for as long as one is in a product: its own routes there, and from anywhere else those of `fallback`. */
export class Names implements Naming {
  constructor(
    private readonly router: Router,
    private readonly fallback: () => InProduct,
  ) {}

  route(page: string): { name: string; params: Record<string, string> } {
    const here = within(this.name) ?? this.fallback();
    return { name: here.prefix + page, params: { cluster: BLANK } };
  }

  page(route: string): string {
    const here = within(route);
    return here ? route.slice(here.prefix.length).replace(ENTRY, "") : route;
  }

  /** Whether an entry of the menu was followed, so that the workspace is still to be said. */
  get isEntry(): boolean {
    const here = within(this.name);
    return Boolean(here && this.name.startsWith(here.prefix + ENTRY));
  }

  private get name(): string {
    return String(this.router.currentRoute.value.name ?? "");
  }
}

function within(route: string): InProduct | undefined {
  return [FLEET, OWN].find((one) => route.startsWith(one.prefix));
}
