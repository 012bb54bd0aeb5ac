// vue-router as the navigation that the pages ask for; the names that its routes have are each entry's own.
import { computed, type ComputedRef } from "vue";
import type { LocationQueryRaw, Router } from "vue-router";
import type { Here, Navigation, Place } from "./nav";

export interface Naming {
  /** The route of a page, and what its address has besides the page's own parameters. */
  route(page: string): { name: string; params: Record<string, string> };
  /** The page of a route, itself where it is none of ours. */
  page(route: string): string;
}

export const PLAIN: Naming = { route: (name) => ({ name, params: {} }), page: (name) => name };

export class RouterNavigation implements Navigation {
  private readonly here: ComputedRef<Here>;

  constructor(
    private readonly router: Router,
    private readonly naming: Naming = PLAIN,
  ) {
    this.here = computed(() => {
      const route = router.currentRoute.value;
      return { name: naming.page(String(route.name ?? "")), params: texts(route.params), query: texts(route.query) };
    });
  }

  get current(): Here {
    return this.here.value;
  }

  href(place: Place): string {
    return this.router.resolve(this.located(place)).href;
  }

  go(place: Place): void {
    void this.router.push(this.located(place));
  }

  replace(place: Place): void {
    void this.router.replace(this.located(place));
  }

  private located(place: Place): { name: string; params: Record<string, string>; query: LocationQueryRaw } {
    const { name, params } = this.naming.route(place.name);
    const query = Object.entries(place.query ?? {}).filter(([, value]) => value !== undefined && value !== "");
    return { name, params: { ...params, ...place.params }, query: Object.fromEntries(query) };
  }
}

function texts(values: Record<string, unknown>): Record<string, string> {
  const first = (value: unknown): string => String((Array.isArray(value) ? value[0] : value) ?? "");
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, first(value)]));
}
