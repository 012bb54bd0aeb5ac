// All that the pages are given in Rancher: the caller is Rancher's session, the service is behind Rancher's proxies, and pages come and
// go with the dashboard's own, so the event stream runs while anybody looks.
import { createApp, type InjectionKey, reactive, ref, type Ref } from "vue";
import { APP, type App, Notices, readRights } from "../components/core/app";
import { Client } from "../components/core/client";
import { EventFeed } from "../components/core/events";
import { translator } from "../components/core/l10n";
import { RouterNavigation } from "../components/core/routing";
import texts from "../l10n/en-us.yaml";
import { Door } from "./door";
import { cookie, type Internal, type Store } from "./host";
import OverlayBox from "./OverlayBox.vue";
import { FLEET, type InProduct, Names, OWN } from "./places";
import { adoptStyle } from "./style";

export const SESSION: InjectionKey<RancherSession> = Symbol("continuous-delivery-in-rancher");

export class RancherSession {
  readonly app: App;
  readonly names: Names;
  readonly store: Store;
  readonly door = new Door();
  /** Rancher does not know the session any more. */
  readonly ended = ref(false);
  /** Clusters whose workspace is being changed in a dialog over whatever page there is. */
  readonly moving: Ref<string[]> = ref([]);
  /** What may be done with many clusters at once. */
  readonly may = reactive(new Set<string>());
  private lookers = 0;
  private overlay: HTMLElement | undefined;

  constructor({ app, store }: Internal) {
    this.store = store;
    this.names = new Names(app.router, () => this.product());
    const door = this.door;
    const client = new Client({
      get base() {
        return door.base;
      },
      credentials: () => ({ "X-API-CSRF": cookie("CSRF") }),
      onUnauthorized: () => (this.ended.value = true),
    });
    this.app = {
      client,
      events: new EventFeed(client),
      nav: new RouterNavigation(app.router, this.names),
      t: translator(texts),
      rights: reactive({ known: false, create: new Set<string>(), list: new Set<string>() }),
      notices: new Notices(),
      user: () => String(store.getters["auth/principalId"] ?? ""),
    };
  }

  /** Where pages are shown: in Rancher's own product, unless Rancher hides it. */
  product(): InProduct {
    return this.isFleetShown() ? FLEET : OWN;
  }

  isFleetShown(): boolean {
    try {
      const isActive = this.store.getters["type-map/isProductActive"] as (name: string) => boolean;
      return isActive(FLEET.product);
    } catch {
      return false; // the dashboard is still starting
    }
  }

  /** Somebody looks: the stream runs until `leave`. */
  async look(): Promise<void> {
    this.lookers += 1;
    await this.door.find();
    this.show();
    if (this.lookers > 0) this.app.events.start();
    if (!this.app.rights.known) await readRights(this.app.client, this.app.rights);
  }

  leave(): void {
    this.lookers -= 1;
    if (this.lookers <= 0) this.app.events.stop();
  }

  /** What stands over all pages: notices, and the dialogs of actions in Rancher's own tables. */
  show(): void {
    if (this.overlay) return;
    adoptStyle();
    this.overlay = document.body.appendChild(document.createElement("div"));
    createApp(OverlayBox).provide(APP, this.app).provide(SESSION, this).mount(this.overlay);
  }

  /** Reads what one may see and do, so that Rancher's menus and tables offer nothing that is refused. Raises ApiError. */
  async begin(): Promise<void> {
    await this.door.find();
    const { client, rights } = this.app;
    await readRights(client, rights);
    const found = await client.get<{ actions?: Record<string, string> }>("fleet.cattle.io.clusters", { limit: 1 });
    Object.keys(found.actions ?? {}).forEach((name) => this.may.add(name));
  }
}
