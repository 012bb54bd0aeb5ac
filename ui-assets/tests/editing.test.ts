import { describe, expect, it } from "vitest";
import { Client } from "../components/core/client";
import { overlaps, save } from "../components/core/editing";
import type { Resource } from "../components/core/types";

function group(version: string, labels: Record<string, string>, selector: unknown): Resource {
  const state = { name: "active", error: false, transitioning: false, message: "" };
  return { id: "w/g", type: "t", links: {}, metadata: { name: "g", resourceVersion: version, labels, state }, spec: { selector } };
}

/** A server that holds `stored`: each patch must name its version; what was patched is kept. */
function server(stored: Resource): { client: Client; patches: unknown[] } {
  const patches: unknown[] = [];
  const answer = async (_url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    if (init?.method === "GET") return new Response(JSON.stringify(stored));
    const version = new Headers(init?.headers).get("If-Match");
    if (version !== `"${stored.metadata.resourceVersion}"`) return new Response(JSON.stringify({ status: 412, code: "PreconditionFailed" }), { status: 412 });
    patches.push(JSON.parse(String(init?.body)));
    return new Response(JSON.stringify(stored));
  };
  return { client: new Client({ base: "", credentials: () => ({}), fetch: answer as typeof fetch }), patches };
}

const BASE = group("1", { a: "1" }, { matchLabels: { env: "prod" } });
const WANTED = { metadata: { labels: { a: "1" } }, spec: { selector: { matchLabels: { env: "dev" } } } };
const PATCH = { spec: { selector: { matchLabels: { env: "dev" } } } };

describe("saving what was edited", () => {
  it("sends only what was edited", async () => {
    const { client, patches } = server(BASE);
    await save(client, "g", BASE, WANTED);
    expect(patches).toEqual([PATCH]);
  });

  it("goes over what somebody else changed elsewhere, which stays", async () => {
    const { client, patches } = server(group("2", { a: "1", b: "2" }, { matchLabels: { env: "prod" } }));
    const done = await save(client, "g", BASE, WANTED);
    expect([patches, done.theirs]).toEqual([[PATCH], undefined]);
  });

  it("stops where somebody else changed the same, and goes on when that was seen", async () => {
    const theirs = group("2", { a: "1" }, { matchLabels: { env: "test" } });
    const { client, patches } = server(theirs);
    expect((await save(client, "g", BASE, WANTED)).theirs).toEqual(theirs);
    expect(patches).toEqual([]);
    await save(client, "g", BASE, WANTED, theirs);
    expect(patches).toEqual([PATCH]);
  });

  it("sends nothing where nothing was edited", async () => {
    const { client, patches } = server(group("9", {}, {}));
    expect((await save(client, "g", BASE, { metadata: { labels: { a: "1" } }, spec: BASE.spec })).object).toBe(BASE);
    expect(patches).toEqual([]);
  });

  it("knows what touches the same", () => {
    expect(overlaps({ spec: { a: 1 } }, { spec: { b: 1 } })).toBe(false);
    expect(overlaps({ spec: { a: { x: 1 } } }, { spec: { a: { x: 2 } } })).toBe(true);
    expect(overlaps({ spec: { a: null } }, { spec: { a: { x: 2 } } })).toBe(true);
  });
});
