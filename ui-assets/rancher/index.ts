// The entry of Rancher's dashboard: one script, which it calls with what an extension may add to it.
import { version } from "../package.json";
import { addActions } from "./actions";
import { PLUGIN } from "./door";
import ExplorerPage from "./ExplorerPage.vue";
import type { Internal, Plugin } from "./host";
import PageFrame from "./PageFrame.vue";
import { OWN, routes } from "./places";
import { products } from "./product";
import { RancherSession } from "./session";

export default function extend(plugin: Plugin, internal: Internal): void {
  const session = new RancherSession(internal);
  plugin.metadata = { name: PLUGIN, version, description: session.app.t("product"), icon: "" };
  plugin.addL10n("en-us", () => Promise.resolve({ default: { product: { [OWN.product]: session.app.t("product") } } }));
  plugin.addProduct(products(session));
  plugin.addRoutes(routes(PageFrame, ExplorerPage, { session }));
  addActions(plugin, session);
}
