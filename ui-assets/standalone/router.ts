// The pages below `/w/<workspace>/`, and vue-router as the navigation that the pages ask for.
import { computed, type ComputedRef } from "vue";
import { createRouter, createWebHistory, type LocationQueryRaw, type Router } from "vue-router";
import { ALL, type Here, type Navigation, type Place } from "../components/core/nav";
import { HOME, PAGES } from "../components/routes";

export function makeRouter(): Router {
  return createRouter({
    history: createWebHistory("/"),
    routes: [
      { path: "/", name: "home", redirect: { name: HOME, params: { workspace: ALL } } },
      ...PAGES.map((page) => ({ path: `/w/:workspace/${page.path}`.replace(/\/$/, ""), name: page.name, component: page.load, meta: { nav: page.nav } })),
      { path: "/:rest(.*)*", name: "nothing", component: () => import("./NothingPage.vue"), meta: { nav: "" } },
    ],
  });
}

export class RouterNavigation implements Navigation {
  private readonly here: ComputedRef<Here>;

  constructor(private readonly router: Router) {
    this.here = computed(() => {
      const route = router.currentRoute.value;
      return { name: String(route.name ?? ""), params: texts(route.params), query: texts(route.query) };
    });
  }

  get current(): Here {
    return this.here.value;
  }

  href(place: Place): string {
    return this.router.resolve(located(place)).href;
  }

  go(place: Place): void {
    void this.router.push(located(place));
  }

  replace(place: Place): void {
    void this.router.replace(located(place));
  }
}

function located(place: Place): { name: string; params: Record<string, string>; query: LocationQueryRaw } {
  const query = Object.entries(place.query ?? {}).filter(([, value]) => value !== undefined && value !== "");
  return { name: place.name, params: place.params ?? {}, query: Object.fromEntries(query) };
}

function texts(values: Record<string, unknown>): Record<string, string> {
  const first = (value: unknown): string => String((Array.isArray(value) ? value[0] : value) ?? "");
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, first(value)]));
}
