import { describe, expect, it } from "vitest";
import { Client } from "../components/core/client";
import { editable, save } from "../components/core/editing";
import { type Differing, differing, editedFor, holding, ignored, mayBeIgnored, overriding, type Spec } from "../components/core/ignoring";
import type { Resource } from "../components/core/types";

const MAP = { apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: "web" };
const FIELD: Differing = { bundle: "w/web", clusters: ["w/c"], object: MAP, change: { path: "/data/a" } };
const ENTRY = { ...MAP, jsonPointers: ["/data/a"] };

function resource(id: string, parts: Partial<Resource> & { labels?: Record<string, string> } = {}): Resource {
  const { labels = {}, ...rest } = parts;
  const [namespace = "", name = ""] = id.split("/");
  const state = { name: "modified", error: false, transitioning: false, message: "" };
  return { id, type: "t", links: {}, metadata: { name, namespace, resourceVersion: "1", labels, state }, ...rest };
}

function deployment(cluster: string, modifiedStatus: unknown[]): Resource {
  const places = { "bundle-namespace": "w", "bundle-name": "web", "cluster-namespace": "w", cluster };
  const labels = Object.fromEntries(Object.entries(places).map(([name, value]) => [`fleet.cattle.io/${name}`, value]));
  return resource(`cluster-${cluster}/web`, { labels, status: { modifiedStatus } });
}

/** A server that has these answers by method and path. */
function server(answers: Record<string, unknown>): { client: Client; bodies: unknown[] } {
  const bodies: unknown[] = [];
  const answer = async (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const body = answers[`${init?.method} ${String(url).replace("/v1/", "")}`];
    if (init?.body) bodies.push(JSON.parse(String(init.body)));
    return new Response(JSON.stringify(body ?? { message: "no such cluster" }), { status: body ? 200 : 404 });
  };
  return { client: new Client({ base: "", credentials: () => ({}), fetch: answer as typeof fetch }), bodies };
}

describe("fields that differ", () => {
  it("are told once for all clusters of a bundle, without what is missing or left over", () => {
    const change = { path: "/data/a", wanted: '"1"', found: '"2"' };
    const there = [{ ...MAP, changes: [change, { path: "/data/b" }] }, { ...MAP, name: "gone", missing: true, exist: true, changes: [change] }, { ...MAP, name: "extra", delete: true, changes: [change] }];
    const found = differing([deployment("one", there), deployment("two", [{ ...MAP, changes: [change] }])]);
    expect(found.map((one) => [one.bundle, one.object.name, one.change.path, one.clusters])).toEqual([
      ["w/web", "web", "/data/a", ["w/one", "w/two"]],
      ["w/web", "web", "/data/b", ["w/one"]],
    ]);
  });

  it("can't be ignored where they say which object it is, or hold what is secret", () => {
    expect(["/data/a", "/metadata/labels/name", "/metadata/name", "/kind", "", "/data/***"].map(mayBeIgnored)).toEqual([true, true, false, false, false, false]);
  });
});

describe("ignoring a field", () => {
  const of = (spec: Spec): unknown => ignored(spec, FIELD).diff;

  it("is an entry for its object, without what the object has not", () => {
    expect(of({})).toEqual({ comparePatches: [ENTRY] });
    expect(ignored({}, { ...FIELD, object: { ...MAP, namespace: "" } }).diff).toEqual({ comparePatches: [{ apiVersion: "v1", kind: "ConfigMap", name: "web", jsonPointers: ["/data/a"] }] });
  });

  it("is added to the entry that there is, once, and leaves the others as they are", () => {
    const known = { ...MAP, operations: [{ op: "remove", path: "/x" }], jsonPointers: ["/data/b"] };
    const others = [{ kind: "ConfigMap", jsonPointers: ["/data/a"] }, { ...MAP, name: "other" }];
    const spec = { diff: { comparePatches: [others[0]!, known, others[1]!] } };
    expect(of(spec)).toEqual({ comparePatches: [others[0], { ...known, jsonPointers: ["/data/b", "/data/a"] }, others[1]] });
    expect(ignored(ignored(spec, FIELD), FIELD)).toEqual(ignored(spec, FIELD));
  });

  it("is also added where a target has an entry of its own, and to no other target", () => {
    const targets = [{ name: "own", diff: { comparePatches: [{ ...MAP, jsonPointers: ["/data/b"] }] } }, { name: "none" }];
    const made = ignored({ targets }, FIELD);
    expect(made.targets).toEqual([{ name: "own", diff: { comparePatches: [{ ...MAP, jsonPointers: ["/data/b", "/data/a"] }] } }, { name: "none" }]);
    expect(overriding({ targets }, MAP)).toEqual(["own"]);
  });

  it("patches that and nothing else", async () => {
    const bundle = resource("w/web", { spec: { resources: [{ content: "x" }], targets: [{ name: "all" }], paused: true } });
    const { client, bodies } = server({ "PATCH bundles/w/web": bundle });
    await save(client, "bundles/w/web", bundle, { ...editable(bundle), spec: ignored(bundle.spec, FIELD) });
    expect(bodies).toEqual([{ spec: { diff: { comparePatches: [ENTRY] } } }]);
  });
});

describe("the options of a bundle", () => {
  const BUNDLES = "GET fleet.cattle.io.bundles/w/web";
  const inGit = resource("w/web", { labels: { "fleet.cattle.io/repo-name": "shop" }, spec: {} });
  const ofHelm = resource("w/web", { labels: { "fleet.cattle.io/fleet-helm-name": "op" }, spec: { helmOpOptions: {} } });

  it("are in git, a HelmOp's or its own, whatever labels a fleet.yaml gives it", () => {
    expect([inGit, ofHelm, resource("w/web"), resource("w/web", { labels: { "fleet.cattle.io/fleet-helm-name": "op" }, spec: {} })].map(editedFor)).toEqual([
      undefined,
      "fleet.cattle.io.helmop",
      "fleet.cattle.io.bundle",
      "fleet.cattle.io.bundle",
    ]);
  });

  it("are found in the file of its path", async () => {
    const origins = [{ bundle: "w/other", options: "other/fleet.yaml" }, { bundle: "w/web", options: "web/fleet.yml" }];
    const { client, bodies } = server({ [BUNDLES]: inGit, "POST traces": { origins } });
    expect(await holding(client, FIELD)).toEqual({ holder: inGit, isInGit: true, file: "web/fleet.yml", notes: [] });
    expect(bodies).toEqual([{ cluster: "w/c", ...MAP }]);
  });

  it("are told without a file, and why, where nobody knows it", async () => {
    expect(await holding(server({ [BUNDLES]: inGit }).client, FIELD)).toMatchObject({ isInGit: true, file: "", notes: ["no such cluster"] });
  });

  it("are the HelmOp's that made it", async () => {
    const op = resource("w/op", { spec: {} });
    expect(await holding(server({ [BUNDLES]: ofHelm, "GET fleet.cattle.io.helmops/w/op": op }).client, FIELD)).toMatchObject({ holder: op, isInGit: false });
  });
});
