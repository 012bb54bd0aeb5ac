// The dashboard around it: header with the choice of workspace, menu of the product where one is, and tables whose rows have actions.
"use strict";

const { h, computed, ref, onMounted } = Vue;

function actionsFor(resource) {
  const { params } = host.router.currentRoute.value;
  const fits = (when, key) => !when[key] || when[key].includes(params[key]);
  return host.actions.filter((action) => fits(action.when, "product") && fits(action.when, "resource") && action.enabled(resource));
}

/** A table of one of Rancher's kinds: `/v1/<kind>s`, with what Steve adds to its rows. */
const ResourceTable = {
  setup() {
    const rows = ref([]);
    const chosen = ref([]);
    const open = ref("");
    const kind = computed(() => host.router.currentRoute.value.params.resource);
    onMounted(async () => (rows.value = (await (await fetch(`/v1/${kind.value}s`)).json()).data));
    const run = (action, resources) => {
      open.value = "";
      action.invoke({ isAlt: false, action }, resources, {});
    };
    const menuOf = (resources) => {
      const each = resources.map(actionsFor);
      return resources.length > 1 ? each[0].filter((action) => action.multiple && each.every((own) => own.includes(action))) : each[0] ?? [];
    };
    const buttons = (resources) => menuOf(resources).map((action) => h("button", { onClick: () => run(action, resources) }, action.label));
    const pick = (row, on) => (chosen.value = on ? [...chosen.value, row] : chosen.value.filter((one) => one !== row));
    return () => [
      h("h1", kind.value),
      h("div", { role: "toolbar", "aria-label": "Bulk actions" }, chosen.value.length ? buttons(chosen.value) : []),
      h("table", rows.value.map((row) => h("tr", { key: row.id }, [
        h("td", h("input", { type: "checkbox", "aria-label": `Choose ${row.id}`, onChange: (event) => pick(row, event.target.checked) })),
        h("td", row.id),
        h("td", h("button", { "aria-label": `Actions of ${row.id}`, onClick: () => (open.value = open.value === row.id ? "" : row.id) }, "⋮")),
        h("td", open.value === row.id ? buttons([row]) : []),
      ]))),
    ];
  },
};

const Default = {
  setup() {
    const here = host.router.currentRoute;
    const product = computed(() => here.value.params.product || here.value.meta.product || /^c-cluster-([^-]+)/.exec(String(here.value.name))?.[1] || "explorer");
    const menu = computed(() => host.menu(product.value, here.value.params.cluster ?? "_"));
    const isHere = (route) => `${here.value.path}/`.startsWith(`${host.router.resolve(route).path}/`);
    const link = (to, label) => h(VueRouter.RouterLink, { to, class: isHere(to) ? "is-here" : "" }, () => label);
    const switcher = () => h("label", ["Workspace of Rancher ", h("select", { onChange: (event) => (host.state.workspace = event.target.value) },
      ["team-a", "team-b"].map((name) => h("option", { selected: name === host.state.workspace }, name)))]);
    return () => [
      h("header", [h("b", "Rancher"), host.state.workspaceSwitcher && product.value === "fleet" ? switcher() : null, host.state.loggedOut ? h("p", "Logged out of Rancher") : null]),
      h("nav", { "aria-label": "Product" }, menu.value.flatMap((group) => [group.label ? h("h2", group.label) : null, ...group.links.map((one) => link(one.route, one.label))])),
      h("main", h(VueRouter.RouterView)),
    ];
  },
};

const Products = {
  render: () => [h("h1", "Products"), ...Object.values(host.state.products).filter((one) => one.options?.to && host.isActive(one.name))
    .map((one) => h("p", h(VueRouter.RouterLink, { to: one.options.to }, () => one.options.label ?? one.name)))],
};

host.router = VueRouter.createRouter({
  history: VueRouter.createWebHistory("/dashboard/"),
  routes: [{ path: "/", name: "default", component: Default, children: [
    { path: "/home", name: "home", component: Products },
    { path: "/c/:cluster/explorer", name: "c-cluster-explorer", component: { render: () => h("h1", "Cluster Explorer") } },
    { path: "/c/:cluster/:product/:resource", name: "c-cluster-product-resource", component: ResourceTable },
  ] }],
});

async function begin() {
  if (matchMedia("(prefers-color-scheme: dark)").matches) document.body.classList.add("theme-dark");
  const asked = new URLSearchParams(location.search);
  if (asked.has("without-fleet")) host.state.isFleetOn = false;
  host.DSL(host.store, "fleet").product({ ifFeature: "continuous-delivery", to: { path: "/c/_/fleet/fleet.cattle.io.cluster" }, label: "Rancher's Continuous Delivery" });
  host.DSL(host.store, "explorer").product({});
  await host.loadExtensions();
  Vue.createApp({ render: () => h(VueRouter.RouterView) }).use(host.router).mount("#app");
}
window.host = host;
void begin();
