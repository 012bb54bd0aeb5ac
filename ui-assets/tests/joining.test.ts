import { describe, expect, it } from "vitest";
import { arrivals, before, masked, pasted } from "../components/core/joining";
import type { Resource } from "../components/core/types";

function cluster(name: string, created: string): Resource {
  const state = { name: "active", error: false, transitioning: false, message: "" };
  return { id: `w/${name}`, type: "t", links: {}, metadata: { name, creationTimestamp: created, state } };
}
const OLD = [cluster("b", "2026-01-02T00:00:00Z"), cluster("a", "2026-01-01T00:00:00Z")];

describe("clusters that come", () => {
  it("are those made after the newest that was there", () => {
    const came = cluster("c", "2026-01-03T00:00:00Z");
    expect(arrivals(before(OLD), [came, ...OLD])).toEqual([came]);
    expect(arrivals(before([]), [came])).toEqual([came]);
  });

  it("may be made in the same second", () => {
    const came = cluster("c", "2026-01-02T00:00:00Z");
    expect(arrivals(before(OLD), [came, ...OLD])).toEqual([came]);
  });

  it("are no old ones that come into sight because another was deleted", () => {
    expect(arrivals(before(OLD), [OLD[1]!, cluster("0", "2025-12-31T00:00:00Z")])).toEqual([]);
  });
});

describe("the command", () => {
  const told = { command: "helm install x --values -", values: "apiServerURL: https://x\ntoken: registration-1-secret\ntokenName: join\n" };

  it("gives the values to its input and the token to no argument", () => {
    const text = pasted(told);
    expect(text).toBe("helm install x --values - <<'VALUES'\napiServerURL: https://x\ntoken: registration-1-secret\ntokenName: join\nVALUES\n");
    expect(text.split("\n")[0]).not.toContain("secret");
  });

  it("is shown without its token, and with all else", () => {
    expect(masked(pasted(told))).toBe(pasted(told).replace("registration-1-secret", "••••••••"));
  });
});
