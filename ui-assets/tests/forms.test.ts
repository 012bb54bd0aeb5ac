import { describe, expect, it } from "vitest";
import { at, copyOf, decoded, edited, encoded, isAbout, withAt } from "../components/core/forms";
import { formOf, objectOf } from "../components/core/gitrepo";
import * as helmop from "../components/core/helmop";
import { holdsNull, mergePatch } from "../components/core/patches";
import { isComplete, kindOf, secretOf, type SecretResource } from "../components/core/secrets";
import { modeOf, type Target, targetRow, targetRows, targetOf, targetsOf } from "../components/core/targets";
import type { Resource } from "../components/core/types";

function chooser(seed: number): (most: number) => number {
  let state = seed;
  return (most) => (state = (state * 1103515245 + 12345) % 2147483648) % most;
}

function randomSpec(seed: number): Record<string, unknown> {
  const choose = chooser(seed);
  const spec: Record<string, unknown> = { repo: "https://git.example.org/a.git", unknown: { deep: [1] }, forceSyncGeneration: choose(3) };
  const put = (name: string, ...values: unknown[]): void => {
    const value = values[choose(values.length + 1)];
    if (value !== undefined) spec[name] = value;
  };
  put("branch", "main", "");
  put("revision", "v1", "");
  put("clientSecretName", "s");
  put("caBundle", encoded("-----BEGIN CERTIFICATE-----\nü\n"), "");
  put("paths", ["a", "b/c"], []);
  put("correctDrift", { enabled: true, keepFailHistory: true }, { force: false }, {});
  put("insecureSkipTLSVerify", true, false);
  put("pollingInterval", "60s");
  put("targets", [{ clusterSelector: {} }], [{ name: "x", clusterName: "c", clusterGroup: "g" }, { clusterGroup: "g" }, {}], [], [{ clusterSelector: { matchLabels: { a: "b" } }, doNotDeploy: true }]);
  return spec;
}

describe("a GitRepo's form", () => {
  it("makes of an object what it was read from, whatever is in it", () => {
    for (let seed = 1; seed <= 3000; seed++) {
      const spec = randomSpec(seed);
      const base = { metadata: { name: "a", namespace: "w", labels: { x: "1" } }, spec };
      expect(mergePatch(spec, objectOf(formOf(base), base).spec)).toBeUndefined();
    }
  });

  it("makes a patch of what was edited and of nothing else", () => {
    const base = { metadata: { name: "a" }, spec: { repo: "r", revision: "v1", branch: "main", paths: ["a"], correctDrift: { enabled: true, keepFailHistory: true }, unknown: 1 } };
    const form = formOf(base);
    const patched = (): unknown => mergePatch(base.spec, objectOf(form, base).spec);
    form.paths.push(" b ");
    expect(patched()).toEqual({ paths: ["a", "b"] });
    form.paths.pop();
    form.flags["correctDrift.enabled"] = false;
    expect(patched()).toEqual({ correctDrift: { enabled: null } });
    form.flags["correctDrift.enabled"] = true;
    form.follows = "branch";
    form.branch = "main";
    expect(patched()).toEqual({ revision: null });
    form.branch = "next";
    expect(patched()).toEqual({ branch: "next", revision: null });
    form.follows = "revision";
    form.caBundle = "PEM";
    form.mode = "all";
    expect(patched()).toEqual({ caBundle: encoded("PEM\n"), targets: [{ name: "all", clusterSelector: {} }] });
  });

  it("keeps what only helped to find a field, and takes out what is emptied", () => {
    expect(withAt({ correctDrift: { enabled: true } }, "correctDrift.enabled", false)).toEqual({});
    expect(withAt({ a: { b: 1, c: 2 } }, "a.b", "")).toEqual({ a: { c: 2 } });
    expect(withAt({}, "a.b", "x")).toEqual({ a: { b: "x" } });
    expect(edited({ a: 1, b: "" }, { b: "" }, { b: "" })).toEqual({ a: 1, b: "" });
    expect(at({ a: { b: 1 } }, "a.b.c")).toBeUndefined();
  });

  it("copies all but the name, the maker and the count of forced updates", () => {
    const object = { id: "w/a", type: "t", links: {}, metadata: { name: "a", namespace: "w", labels: { "fleet.cattle.io/created-by-user-id": "u", env: "prod" } }, spec: { repo: "r", forceSyncGeneration: 7, paused: true } } as unknown as Resource;
    expect(copyOf(object)).toEqual({ metadata: { labels: { env: "prod" }, namespace: "w" }, spec: { repo: "r", paused: true } });
  });

  it("knows which field an error is about", () => {
    expect([isAbout("spec.paths[3]", "spec.paths"), isAbout("spec.pathsX", "spec.paths"), isAbout("spec.targets[0].x", "spec.targets")]).toEqual([true, false, true]);
  });

  it("reads and writes certificates as bytes", () => {
    expect(decoded(encoded("ü\n"))).toBe("ü\n");
    expect(decoded("?")).toBe("");
  });
});

describe("a HelmOp's form", () => {
  const base = { metadata: { name: "a" }, spec: { helm: { repo: "https://charts.example.org", chart: "web", version: "^1", values: { a: 1 }, valuesFrom: [1] }, targets: [{ clusterSelector: {}, helm: { version: "2" } }], unknown: 1 } };
  const patched = (form: helmop.HelmOpForm): unknown => mergePatch(base.spec, helmop.objectOf(form, base).spec);

  it("makes of an object what it was read from", () => {
    expect(patched(helmop.formOf(base))).toBeUndefined();
  });

  it("patches values as a merge of what differs, and takes them out when they are emptied", () => {
    expect(patched({ ...helmop.formOf(base), values: { a: 1, b: { c: true } } })).toEqual({ helm: { values: { b: { c: true } } } });
    expect(patched({ ...helmop.formOf(base), values: {} })).toEqual({ helm: { values: null } });
    expect(patched({ ...helmop.formOf(base), values: { a: 1 } })).toBeUndefined();
  });

  it("tells a null, which no merge patch can set, however deep", () => {
    expect([holdsNull({ a: { b: null } }), holdsNull({ a: [null], b: 0 }), holdsNull({})]).toEqual([true, false, false]);
  });

  it("knows the three ways to name a chart and empties what another way needs", () => {
    expect([helmop.sourceOf("oci://r/x", ""), helmop.sourceOf("", "https://x/a.TGZ"), helmop.sourceOf("https://r", "web"), helmop.sourceOf("", "")]).toEqual(["oci", "tarball", "repo", "repo"]);
    const form = helmop.formOf(base);
    form.source = "oci";
    form.texts["helm.repo"] = "oci://registry.example.org/web";
    expect(patched(form)).toEqual({ helm: { repo: "oci://registry.example.org/web", chart: null } });
    form.source = "tarball";
    form.texts["helm.chart"] = "https://x/a.tgz";
    expect(patched(form)).toEqual({ helm: { repo: null, chart: "https://x/a.tgz", version: null } });
    expect([helmop.isNamed(form), helmop.isNamed(helmop.formOf({ metadata: {} }))]).toEqual([true, false]);
  });
});

describe("secrets to log in with", () => {
  it("are told by their type or their keys, and others are none", () => {
    const secret = (type: string, ...keys: string[]): SecretResource => ({ _type: type, data: Object.fromEntries(keys.map((key) => [key, null])) }) as unknown as SecretResource;
    const app = ["github_app_id", "github_app_installation_id", "github_app_private_key"];
    const found = [secret("kubernetes.io/ssh-auth", "ssh-privatekey"), secret("kubernetes.io/basic-auth"), secret("Opaque", ...app), secret("Opaque", "username", "password"), secret("Opaque", "values.yaml"), secret("Opaque")].map(kindOf);
    expect(found).toEqual(["ssh", "basic", "githubApp", "basic", undefined, undefined]);
  });

  it("hold what was written, and are complete without host keys", () => {
    const values = { "ssh-privatekey": "KEY\n", known_hosts: " ", password: "of another kind" };
    expect(secretOf("ssh", "", "w", values)).toEqual({ metadata: { generateName: "auth-", namespace: "w" }, _type: "kubernetes.io/ssh-auth", stringData: { "ssh-privatekey": "KEY\n" } });
    expect([isComplete("ssh", values), isComplete("basic", values)]).toEqual([true, false]);
  });
});

describe("targets", () => {
  const mixed: Target[] = [{ name: "both", clusterName: "c", clusterGroup: "g" }, { clusterGroup: "g" }, { name: "l", clusterSelector: { matchLabels: { a: "b" } } }];

  it("come out of their rows as they went in", () => {
    expect(targetRows(mixed).map(targetOf)).toEqual(mixed);
    expect(targetRows(mixed).map((row) => row.kind)).toEqual(["other", "group", "labels"]);
    expect(targetsOf("chosen", targetRows(mixed), mixed)).toEqual(mixed);
  });

  it("are known as all clusters also in Rancher's words, which stay", () => {
    const rancher: Target[] = [{ clusterSelector: { matchExpressions: [{ key: "provider.cattle.io", operator: "NotIn", values: ["harvester"] }] } }];
    expect([modeOf(rancher), modeOf([{ clusterSelector: {} }]), modeOf([]), modeOf(undefined), modeOf([{}])]).toEqual(["all", "all", "standard", "standard", "chosen"]);
    expect(targetsOf("all", targetRows(rancher), rancher)).toEqual(rancher);
  });

  it("that say nobody are left out until they do", () => {
    const row = targetRow("cluster");
    expect(targetsOf("chosen", [row, targetRow("labels")], undefined)).toEqual([]);
    row.value = " berlin ";
    expect(targetsOf("chosen", [row, { ...targetRow("labels"), selector: {} }], undefined)).toEqual([{ clusterName: "berlin" }, { clusterSelector: {} }]);
  });

  it("of another kind lose what the old one said and keep their names", () => {
    expect(targetOf({ ...targetRow("group", { name: "n", clusterName: "c" }), value: "g" })).toEqual({ name: "n", clusterGroup: "g" });
  });
});
