// Entries of Rancher's menus: a group in its Continuous Delivery, one in Cluster Explorer, and a product of our own for where Rancher
// hides its own, as it does when its engine is turned off for ours.
import { NAVIGATION } from "../components/routes";
import { BLANK, type Plugin, type Product, type Store } from "./host";
import { entryOf, EXPLORER, FLEET, type InProduct, OWN } from "./places";
import type { RancherSession } from "./session";

export function products(session: RancherSession): Product {
  return {
    init(plugin: Plugin, store: Store): void {
      fill(session, plugin, store, FLEET, session.app.t("product"));
      fill(session, plugin, store, OWN);
      const explorer = plugin.DSL(store, "explorer");
      explorer.virtualType({ name: OWN.product, label: session.app.t("product"), icon: "fleet", namespaced: false, route: { name: EXPLORER } });
      explorer.basicType([OWN.product]);
      store.watch(() => session.isFleetShown(), (isShown) => offer(session, plugin, store, !isShown), { immediate: true });
      session.readActions().catch(() => undefined); // without an answer there are no actions
    },
  };
}

function fill(session: RancherSession, plugin: Plugin, store: Store, within: InProduct, group?: string): void {
  const dsl = plugin.DSL(store, within.product);
  const nameOf = (page: string): string => `continuous-delivery-${page}`;
  NAVIGATION.forEach(({ page }, place) => {
    const weight = NAVIGATION.length - place;
    dsl.virtualType({ name: nameOf(page), label: session.app.t(`nav.${page}`), namespaced: false, weight, route: entryOf(within, page) });
  });
  dsl.basicType(NAVIGATION.map(({ page }) => nameOf(page)), group);
}

function offer(session: RancherSession, plugin: Plugin, store: Store, isPublic: boolean): void {
  plugin.DSL(store, OWN.product).product({
    icon: "fleet",
    label: session.app.t("product"),
    inStore: "management",
    weight: 3,
    public: isPublic,
    removable: false,
    showClusterSwitcher: false,
    to: { ...entryOf(OWN, NAVIGATION[0]!.page), params: { cluster: BLANK } },
  });
}
