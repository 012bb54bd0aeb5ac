// The entry of the embedded engine's own pages: a token as the caller, the service at the same origin.
import "./theme.css";
import "../components/style.css";
import { createApp, reactive } from "vue";
import { APP, type App, Notices } from "../components/core/app";
import { Client } from "../components/core/client";
import { EventFeed } from "../components/core/events";
import { translator } from "../components/core/l10n";
import { RouterNavigation } from "../components/core/routing";
import texts from "../l10n/en-us.yaml";
import { makeRouter } from "./router";
import { Session } from "./session";
import ShellApp from "./ShellApp.vue";
import { SESSION } from "./shell";
import { startTheme } from "./theme";

startTheme();
const session = new Session();
const client = new Client({ base: "", credentials: () => session.credentials(), onUnauthorized: () => session.logout(true) });
const router = makeRouter();
const app: App = {
  client,
  events: new EventFeed(client),
  nav: new RouterNavigation(router),
  t: translator(texts),
  rights: reactive({ known: false, create: new Set<string>(), list: new Set<string>() }),
  notices: new Notices(),
  user: () => session.user,
};
createApp(ShellApp).provide(APP, app).provide(SESSION, session).use(router).mount("#app");
