// The dashboard's store and its menu, as far as an extension sees them (rancher-integration.md 1.2, 5.4): a Vuex store by its methods,
// products with their types, and what of them is shown.
"use strict";

const host = { state: Vue.reactive({ workspace: "team-a", products: {}, workspaceSwitcher: true, loggedOut: false, isFleetOn: true }) };
host.features = { "continuous-delivery": () => host.state.isFleetOn };

function productOf(name) {
  return (host.state.products[name] ??= { name, types: [], groups: {}, options: null });
}

host.isActive = (name) => {
  const options = host.state.products[name]?.options;
  return Boolean(options) && options.public !== false && (!options.ifFeature || host.features[options.ifFeature]());
};

/** What a product's menu shows: groups of links, in the dashboard's order. */
host.menu = (name, cluster) => {
  const groups = new Map();
  for (const type of productOf(name).types) {
    const group = productOf(name).groups[type.name];
    if (group === undefined) continue; // only basic types are always shown
    const params = { ...type.route.params, cluster, product: name };
    const known = host.router.getRoutes().find((route) => route.name === type.route.name)?.path ?? "";
    const valid = Object.fromEntries(Object.entries(params).filter(([key]) => known.includes(`:${key}`)));
    groups.set(group, [...(groups.get(group) ?? []), { label: type.label, weight: type.weight ?? 0, route: { name: type.route.name, params: valid } }]);
  }
  return [...groups].map(([label, links]) => ({ label, links: links.sort((a, b) => b.weight - a.weight) }));
};

host.DSL = (store, name) => ({
  product: (options) => store.commit("type-map/product", { name, ...options }),
  virtualType: (type) => store.commit("type-map/virtualType", { product: name, type: JSON.parse(JSON.stringify(type)) }),
  basicType: (types, group) => store.commit("type-map/basicType", { product: name, types, group: group || "" }),
});

const mutations = {
  "type-map/product": ({ name, ...options }) => (productOf(name).options = { ...productOf(name).options, ...options }),
  "type-map/virtualType": ({ product, type }) => productOf(product).types.push(type),
  "type-map/basicType": ({ product, types, group }) => types.forEach((type) => (productOf(product).groups[type] = group)),
  updateWorkspace: ({ value, getters }) => {
    if (!getters) throw new Error("updateWorkspace needs getters");
    host.state.workspace = value;
  },
};
const actions = {
  showWorkspaceSwitcher: (value) => (host.state.workspaceSwitcher = value),
  "auth/logout": () => (host.state.loggedOut = true),
};
const named = (table, name, kind) => {
  if (!table[name]) throw new Error(`unknown ${kind} ${name}`);
  return table[name];
};

host.store = {
  state: host.state,
  getters: { "type-map/isProductActive": (name) => host.isActive(name), "auth/principalId": "local://u-somebody" },
  commit: (name, payload) => void named(mutations, name, "mutation")(payload),
  dispatch: async (name, payload) => named(actions, name, "action")(payload),
  watch: (getter, changed, options) => Vue.watch(getter, changed, options),
};
