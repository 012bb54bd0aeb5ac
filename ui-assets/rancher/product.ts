// Entries of Rancher's menus: a group in its Continuous Delivery, one in Cluster Explorer, and a product of our own for where Rancher
// hides its own, as it does when its engine is turned off for ours.
import { NAVIGATION } from "../components/routes";
import { BLANK, type Plugin, type Product, type Store } from "./host";
import { entryOf, EXPLORER, FLEET, type InProduct, OWN } from "./places";
import type { RancherSession } from "./session";

export function products(session: RancherSession): Product {
  return {
    init(plugin: Plugin, store: Store): void {
      const explorer = plugin.DSL(store, "explorer");
      explorer.virtualType({ name: OWN.product, label: session.app.t("product"), icon: "fleet", namespaced: false, route: { name: EXPLORER } });
      explorer.basicType([OWN.product]);
      store.watch(() => session.isFleetShown(), (isShown) => offer(session, plugin, store, !isShown), { immediate: true });
      // A service that does not answer has all entries, so that one gets to where that is said.
      void session.begin().catch(() => undefined).then(() => {
        fill(session, plugin, store, FLEET, session.app.t("product"));
        fill(session, plugin, store, OWN);
      });
    },
  };
}

/** The entries of the pages that one may see. */
function fill(session: RancherSession, plugin: Plugin, store: Store, within: InProduct, group?: string): void {
  const dsl = plugin.DSL(store, within.product);
  const { rights, t } = session.app;
  const nameOf = (page: string): string => `continuous-delivery-${page}`;
  const shown = NAVIGATION.filter(({ needs }) => !rights.known || !needs || rights.list.has(needs));
  shown.forEach(({ page }, place) => {
    const weight = shown.length - place;
    dsl.virtualType({ name: nameOf(page), label: t(`nav.${page}`), namespaced: false, weight, route: entryOf(within, page) });
  });
  dsl.basicType(shown.map(({ page }) => nameOf(page)), group);
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
