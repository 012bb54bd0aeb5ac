import { describe, expect, it } from "vitest";
import { Client } from "../components/core/client";
import { forgetUnsaved, unsavedOf } from "../components/core/unsaved";
import { readUser } from "../standalone/session";

const client = (): Client => new Client({ base: "", credentials: () => ({}) });
const KEPT = { form: { name: "secret-plan" }, base: { metadata: {} }, before: "" };

describe("what was not saved", () => {
  it("is there again for its user, and gone for good once somebody else came", () => {
    const here = client();
    unsavedOf(here, "ada").set("gitrepo", KEPT);
    expect(unsavedOf(here, "ada").get("gitrepo")).toBe(KEPT);
    expect(unsavedOf(here, "bob").size).toBe(0);
    expect(unsavedOf(here, "ada").size).toBe(0);
  });

  it("is dropped by the login of another, and not by one's own", () => {
    const here = client();
    unsavedOf(here, "ada").set("gitrepo", KEPT);
    forgetUnsaved(here, "ada");
    expect(unsavedOf(here, "ada").size).toBe(1);
    forgetUnsaved(here, "bob");
    expect(unsavedOf(here, "ada").size).toBe(0);
  });

  it("is dropped by a logout, and not kept of one who is not known", () => {
    const here = client();
    unsavedOf(here, "ada").set("gitrepo", KEPT);
    forgetUnsaved(here);
    expect(unsavedOf(here, "ada").size).toBe(0);
    unsavedOf(here, "").set("gitrepo", KEPT);
    expect(unsavedOf(here, "").size).toBe(0);
  });
});

describe("the user of a token", () => {
  const asked: string[] = [];
  const userOf = (name: string, roles: Record<string, string>): Promise<string> => {
    const fetched = async (url: string | URL | Request): Promise<Response> => {
      asked.push(String(url));
      return new Response(JSON.stringify({ name, roles }));
    };
    return readUser(new Client({ base: "", credentials: () => ({}), fetch: fetched as typeof fetch }), "token-1:secret");
  };

  it("is told by name and roles, whatever their order, and the secret is no part of what is asked", async () => {
    const ada = await userOf("ada", { a: "member", b: "admin" });
    expect(await userOf("ada", { b: "admin", a: "member" })).toBe(ada);
    expect([await userOf("ada", { a: "admin", b: "admin" }), await userOf("bob", { a: "member", b: "admin" })]).not.toContain(ada);
    expect(new Set(asked)).toEqual(new Set(["/v1/tokens/token-1"]));
  });
});
