import { describe, expect, it } from "vitest";
import { Client, ApiError, pathOf } from "../components/core/client";
import { Blocks, type Block, EventFeed } from "../components/core/events";
import { quoted } from "../components/core/list";
import { mergePatch } from "../components/core/patches";
import { asText, type LabelSelector, rowsOf, selectorOf } from "../components/core/selectors";
import { build, GROUPINGS, lines } from "../components/core/tree";
import type { DeployedResource } from "../components/core/types";

function chooser(seed: number): (most: number) => number {
  let state = seed;
  return (most) => (state = (state * 1103515245 + 12345) % 2147483648) % most;
}

function randomSelector(seed: number): LabelSelector {
  const choose = chooser(seed);
  const word = (): string => ["env", "a/b", "", "__proto__", "x.y-z", "é\"'"][choose(6)]!;
  const selector: LabelSelector = {};
  if (choose(3)) selector.matchLabels = Object.fromEntries(Array.from({ length: choose(4) }, () => [word(), word()]));
  if (choose(3)) {
    selector.matchExpressions = Array.from({ length: choose(4) }, () => {
      const operator = ["In", "NotIn", "Exists", "DoesNotExist", "Gt"][choose(5)]!;
      const values = Array.from({ length: choose(3) }, word);
      return choose(4) || operator !== "Exists" ? { key: word(), operator, values } : { key: word(), operator };
    });
  }
  return selector;
}

describe("selectors", () => {
  it("come out of the rows as they went in, whatever is in them", () => {
    for (let seed = 1; seed <= 2000; seed++) {
      const selector = randomSelector(seed);
      expect(selectorOf(rowsOf(selector), selector)).toEqual(selector);
    }
  });

  it("are written as a labelSelector takes them", () => {
    const selector = { matchLabels: { env: "prod" }, matchExpressions: [{ key: "r", operator: "In", values: ["eu", "us"] }, { key: "old", operator: "DoesNotExist" }] };
    expect(asText(selector)).toBe("env=prod,r in (eu,us),!old");
  });
});

describe("patches", () => {
  const repo = { spec: { repo: "a", paths: ["x"], helm: { values: { deep: 1, other: 2 } } }, metadata: { labels: { a: "1", b: "2" } } };

  it("are nothing when nothing was edited", () => {
    expect(mergePatch(repo, structuredClone(repo))).toBeUndefined();
  });

  it("contain only what was edited", () => {
    const edited = structuredClone(repo) as Record<string, any>;
    edited["spec"].helm.values.deep = 3;
    edited["spec"].branch = "main";
    delete edited["metadata"].labels.b;
    expect(mergePatch(repo, edited)).toEqual({ spec: { branch: "main", helm: { values: { deep: 3 } } }, metadata: { labels: { b: null } } });
  });

  it("replace a list as a whole", () => {
    expect(mergePatch({ a: [1, 2] }, { a: [2] })).toEqual({ a: [2] });
  });
});

function resource(place: number): DeployedResource {
  const [bundle, cluster] = [`ws/bundle-${place % 5}`, `ws/cluster-${place % 100}`];
  const state = place === 4242 ? "Missing" : "Ready";
  return { id: `ns/object-${place}`, type: "configmap", apiVersion: "v1", kind: "ConfigMap", namespace: "ns", name: `object-${place}`, state, bundle, cluster, bundleDeployment: `${cluster}/${bundle}` };
}

describe("the tree", () => {
  const rows = Array.from({ length: 10_000 }, (_, place) => resource(place));
  const roots = build(rows, GROUPINGS["bundle"]!);

  it("is folded at first, the worst on top", () => {
    expect(lines(roots, new Set()).map((line) => [line.node.label, line.node.state, line.node.count])[0]).toEqual(["ws/bundle-2", "Missing", 2000]);
    expect(lines(roots, new Set())).toHaveLength(5);
  });

  it("shows what is below an open branch and hides it again", () => {
    const first = roots[0]!;
    expect(lines(roots, new Set([first.id]))).toHaveLength(5 + first.children.length);
    expect(lines(roots, new Set())).toHaveLength(5);
  });

  it("shows what a search finds with all that is above it, and nothing else", () => {
    expect(lines(roots, new Set(), "OBJECT-4242").map((line) => line.depth)).toEqual([0, 1, 2]);
    expect(lines(roots, new Set(), "nowhere")).toEqual([]);
  });

  it("searches ten thousand objects within 100 ms", () => {
    const begin = performance.now();
    for (let time = 0; time < 5; time++) lines(roots, new Set(), `object-${time}`);
    expect((performance.now() - begin) / 5).toBeLessThan(100);
  });
});

describe("the event stream", () => {
  it("is read however it is cut", () => {
    const text = "retry: 3000\n\nid: 7\nevent: resource.change\ndata: {\"a\":1}\n\nid: 8\n: heartbeat\n\n";
    for (let size = 1; size < text.length; size++) {
      const found: Block[] = [];
      const blocks = new Blocks((block) => found.push(block));
      for (let at = 0; at < text.length; at += size) blocks.feed(text.slice(at, at + size));
      expect(found.map((block) => [block.id, block.event, block.data])).toEqual([["", "message", ""], ["7", "resource.change", '{"a":1}'], ["8", "message", ""]]);
    }
  });

  it("tells many changes at once, goes on where it was, and when it could not be begun again says that it was away and has all read again", async () => {
    const asked: string[] = [];
    const states: string[] = [];
    const event = (id: number): string => `id: ${id}\nevent: resource.change\ndata: {"resourceType":"t","id":"w/${id}","revision":"${id}"}\n\n`;
    const answers = [() => new Response(event(1) + event(2)), () => Promise.reject(new TypeError("no network")), () => new Response(event(3))];
    const fetched = (async (url: string | URL | Request) => {
      asked.push(String(url));
      const answer = answers.shift();
      if (!answer) throw new ApiError(401, "Unauthorized", "");
      return answer();
    }) as typeof fetch;
    const feed: EventFeed = new EventFeed(new Client({ base: "", credentials: () => ({}), fetch: fetched }), {
      frame: (run) => void setTimeout(run, 5),
      wait: async () => {
        states.push(feed.state.status);
        await new Promise((done) => setTimeout(done, 20));
        if (!answers.length) feed.stop();
      },
      silence: 10_000,
    });
    const told: string[][] = [];
    const resyncs: string[] = [];
    feed.listen((changes, resync) => {
      if (changes.length) told.push(changes.map((change) => change.id));
      if (resync) resyncs.push(`after ${asked.length}`);
    });
    feed.start();
    await expect.poll(() => told, { timeout: 10_000 }).toEqual([["w/1", "w/2"], ["w/3"]]);
    expect(resyncs).toEqual(["after 1", "after 3"]);
    expect(asked.slice(0, 3)).toEqual(["/v1/events", "/v1/events?since=2", "/v1/events?since=2"]);
    expect(states.slice(0, 2)).toEqual(["live", "away"]);
    expect(feed.state.returns).toBe(1);
  });
});

describe("the beginning of the event stream", () => {
  it("has what was read before it read again, since nobody tells of changes in between", async () => {
    let begin: (answer: Response) => void = () => undefined;
    const fetched = (() => new Promise<Response>((done) => (begin = done))) as typeof fetch;
    const timing = { frame: (run: () => void) => void setTimeout(run, 1), wait: () => new Promise<void>(() => undefined), silence: 10_000 };
    const feed = new EventFeed(new Client({ base: "", credentials: () => ({}), fetch: fetched }), timing);
    const resyncs: boolean[] = [];
    feed.listen((_, resync) => resyncs.push(resync));
    feed.start();
    await new Promise((done) => setTimeout(done, 5));
    expect(resyncs).toEqual([]);
    begin(new Response("retry: 3000\n\n"));
    await expect.poll(() => resyncs).toEqual([true]);
  });
});

describe("the client", () => {
  it("gives the API's own words for what went wrong", async () => {
    const body = { status: 422, code: "InvalidFormat", message: "spec.repo: is empty", fieldName: "spec.repo", detail: "name one" };
    const client = new Client({ base: "/base", credentials: () => ({}), fetch: async () => new Response(JSON.stringify(body), { status: 422 }) });
    await expect(client.get("x")).rejects.toMatchObject({ status: 422, fieldName: "spec.repo", detail: "name one", message: "spec.repo: is empty" });
  });

  it("encodes names into paths", () => {
    expect(pathOf("things", "w/a?b#c")).toBe("things/w/a%3Fb%23c");
  });

  it("quotes a search that holds commas", () => {
    expect([quoted("a-b"), quoted("a,b"), quoted('a"b')]).toEqual(["a-b", '"a,b"', "'a\"b'"]);
  });
});
