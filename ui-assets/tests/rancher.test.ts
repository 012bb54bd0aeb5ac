import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { Router } from "vue-router";
import { NAVIGATION, PAGES } from "../components/routes";
import { AGGREGATED, Door, PLUGIN } from "../rancher/door";
import { clusterOf, cookie, type HostResource, isLocal, PROVISIONED } from "../rancher/host";
import { FLEET, Names, OWN, routes } from "../rancher/places";

const row = (type: string, namespace: string, workspace?: string, name = "berlin"): HostResource => ({
  type,
  id: `${namespace}/${name}`,
  metadata: { name, namespace },
  ...(workspace ? { status: { fleetWorkspaceName: workspace } } : {}),
});

describe("a row of Rancher's tables", () => {
  it("is the cluster of its workspace, wherever Rancher keeps it", () => {
    expect(clusterOf(row("fleet.cattle.io.cluster", "edge"))).toBe("edge/berlin");
    expect(clusterOf(row(PROVISIONED, "fleet-default", "edge"))).toBe("edge/berlin");
    expect(clusterOf(row(PROVISIONED, "fleet-default"))).toBe("fleet-default/berlin");
  });

  it("is known as Rancher's own cluster", () => {
    expect([isLocal(row(PROVISIONED, "fleet-local", "fleet-local", "local")), isLocal(row(PROVISIONED, "fleet-default", "fleet-default", "local"))]).toEqual([true, false]);
  });
});

describe("the door", () => {
  const told = async (api: unknown): Promise<string> => {
    const index = { Entries: {}, entries: { [PLUGIN]: { metadata: { "continuous-delivery.cattle.io/api": api } } } };
    const door = new Door(async () => new Response(JSON.stringify(index)));
    await door.find();
    return door.base;
  };

  it("is the one that the chart named", async () => {
    const proxy = "/k8s/clusters/local/api/v1/namespaces/cd/services/http:cd:80/proxy";
    expect(await told(proxy)).toBe(proxy);
  });

  it.each(["https://elsewhere.example/k8s/clusters/local/x", "//elsewhere.example/", "/k8s/clusters/c-m-1/x", "/k8s/clusters/local/x?y", "", undefined])(
    "is never %s, where the session would be sent",
    async (api) => expect(await told(api)).toBe(AGGREGATED),
  );

  it("is the aggregated one where Rancher tells nothing", async () => {
    const door = new Door(() => Promise.reject(new TypeError("no network")));
    await door.find();
    expect(door.base).toBe(AGGREGATED);
  });
});

describe("the dashboard's addresses", () => {
  const all = routes({}, {}, {}).map(({ route }) => route);

  it("are one for each page and each entry of the menu, in both products", () => {
    expect(all).toHaveLength(2 * (PAGES.length + NAVIGATION.length) + 1);
    expect(new Set(all.map((route) => route.name)).size).toBe(all.length);
    expect(new Set(all.map((route) => route.path)).size).toBe(all.length);
  });

  it("begin with that of the entry of the menu to which the page belongs", () => {
    for (const within of [FLEET, OWN])
      for (const page of PAGES) {
        const found = all.find((route) => route.name === within.prefix + page.name)!;
        expect(found.path.startsWith(`${within.root}/${page.nav}/w/:workspace`)).toBe(true);
        expect((found.path.match(/:\w+/g) ?? []).length).toBe(2 + (page.path.match(/:\w+/g) ?? []).length);
      }
  });

  it("keep one in the product where one is", () => {
    const router = { currentRoute: { value: { name: `${OWN.prefix}clusters` } } };
    const names = new Names(router as unknown as Router, () => FLEET);
    expect([names.route("bundle").name, names.page(`${OWN.prefix}entry-clusters`), names.isEntry]).toEqual([`${OWN.prefix}bundle`, "clusters", false]);
    router.currentRoute.value.name = `${OWN.prefix}entry-clusters`;
    expect(names.isEntry).toBe(true);
    router.currentRoute.value.name = "home";
    expect([names.route("bundle").name, names.page("home"), names.isEntry]).toEqual([`${FLEET.prefix}bundle`, "home", false]);
  });
});

describe("a cookie", () => {
  it("is found by its whole name", () => {
    expect([cookie("CSRF", "XCSRF=1; CSRF=a%3Db; R=2"), cookie("CSRF", "XCSRF=1"), cookie("CSRF", "")]).toEqual(["a=b", "", ""]);
  });
});

describe("the dashboard's Vue", () => {
  const YOUNGER = ["hasInjectionContext", "onWatcherCleanup", "toValue", "useHost", "useId", "useModel", "useShadowRoot", "useTemplateRef", "defineModel"];
  const root = fileURLToPath(new URL("..", import.meta.url));
  const sources = ["components", "rancher"].flatMap((folder) => readdirSync(`${root}${folder}`, { recursive: true }).map((name) => `${root}${folder}/${String(name)}`));

  it("may be that of Rancher 2.10, which has nothing that came after 3.2", () => {
    const asked = sources.filter((path) => /\.(vue|ts)$/.test(path)).flatMap((path) => {
      const text = readFileSync(path, "utf8");
      const names = [...text.matchAll(/import \{([^}]*)\} from "vue"/g)].flatMap((found) => found[1]!.split(","));
      return [...names, ...(text.includes("defineModel") ? ["defineModel"] : [])].map((name) => name.trim());
    });
    expect(asked.length).toBeGreaterThan(100);
    expect(asked.filter((name) => YOUNGER.includes(name))).toEqual([]);
  });
});
