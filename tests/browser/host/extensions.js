// How the dashboard finds, judges and starts extensions (rancher-integration.md 5.1), and what they may add (5.4).
"use strict";

const SHELL = 3;
host.extensions = [];
host.actions = [];
host.problems = [];

class Extension {
  constructor(id) {
    Object.assign(this, { id, name: id, products: [], routes: [], l10n: {} });
  }
  set metadata(value) {
    this.name = value.name || this.id;
    this.described = value;
  }
  DSL(store, product) {
    return host.DSL(store, product);
  }
  addProduct(product) {
    this.products.push(product);
  }
  addRoutes(routes) {
    for (const { parent, route } of routes) {
      if (!parent) throw new Error("a route without a parent is deprecated");
      this.routes.push({ parent, route: { ...route, meta: { ...route.meta, pkg: this.name } } });
    }
  }
  addL10n(locale, load) {
    (this.l10n[locale] ??= []).push(load);
  }
  addAction(where, when, action) {
    if (where === "table-action") host.actions.push({ ...action, when });
  }
}

/** Why an extension is not loaded, empty when it is. */
function refusal(entry) {
  if (!entry.name || !entry.version || !entry.endpoint) return "incomplete";
  const wanted = entry.metadata?.["catalog.cattle.io/ui-extensions-version"];
  if (!wanted) return "the annotation ui-extensions-version is missing";
  const [, from, to] = /^>= (\d+)\.\d+\.\d+ < (\d+)\.\d+\.\d+$/.exec(wanted) ?? [];
  return SHELL >= Number(from) && SHELL < Number(to) ? "" : `made for the shell ${wanted}`;
}

function load(entry) {
  const id = `${entry.name}-${entry.version}`;
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.id = id;
    script.src = `/v1/uiplugins/${entry.name}/${entry.version}/plugin/${entry.metadata.main || `${id}.umd.min.js`}`;
    script.onerror = () => reject(new Error(`no script at ${script.src}`));
    script.onload = () => {
      if (typeof window[id]?.default !== "function") return reject(new Error("Could not load plugin code"));
      const extension = new Extension(id);
      window[id].default(extension, { app: { router: host.router }, store: host.store });
      host.extensions.push(extension);
      extension.products.forEach((product) => product.init?.(extension, host.store));
      extension.routes.forEach(({ parent, route }) => host.router.addRoute(parent, route));
      resolve();
    };
    document.head.appendChild(script);
  });
}

host.loadExtensions = async () => {
  const index = await (await fetch("/v1/uiplugins", { headers: { Accept: "application/json" } })).json();
  for (const entry of Object.values(index.Entries ?? index.entries ?? {})) {
    const why = refusal(entry);
    await (why ? Promise.reject(new Error(why)) : load(entry)).catch((error) => host.problems.push(`${entry.name}: ${error.message}`));
  }
};
