import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "@vue/compiler-sfc";
import { describe, expect, it } from "vitest";
import { flatten, translator } from "../components/core/l10n";
import texts from "../l10n/en-us.yaml";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const READ_OUT = new Set(["title", "aria-label", "placeholder", "alt", "label"]);
const KNOWN_WORDS = new Set(["master"]);

function files(folder: string, ending: RegExp): string[] {
  return readdirSync(join(ROOT, folder)).flatMap((name) => {
    const path = join(folder, name);
    return statSync(join(ROOT, path)).isDirectory() ? files(path, ending) : ending.test(name) ? [path] : [];
  });
}
const pages = ["components", "standalone", "rancher"].flatMap((folder) => files(folder, /\.vue$/));
const sources = ["components", "standalone", "rancher"].flatMap((folder) => files(folder, /\.(vue|ts)$/));
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

interface Part {
  type: number;
  content?: unknown;
  props?: { type: number; name: string; value?: { content: string } }[];
  children?: Part[];
}

function literals(part: Part): string[] {
  const own = part.type === 2 && /\p{L}/u.test(String(part.content)) ? [String(part.content).trim()] : [];
  const said = (part.props ?? []).filter((prop) => prop.type === 6 && READ_OUT.has(prop.name)).map((prop) => `${prop.name}=${prop.value?.content}`);
  return [...own, ...said, ...(part.children ?? []).flatMap(literals)];
}

describe("texts", () => {
  it.each(pages)("%s says nothing that is not in the texts", (path) => {
    const found = literals(parse(read(path)).descriptor.template!.ast as unknown as Part);
    expect(found.filter((text) => !KNOWN_WORDS.has(text))).toEqual([]);
  });

  it("has a text for every key that is written out", () => {
    const known = flatten(texts);
    const has = (key: string): boolean => known.has(key) || known.has(`${key}.other`);
    const asked = sources.flatMap((path) => [...read(path).matchAll(/\bt\(\s*["']([\w.]+)["']/g)].map((found) => found[1]!));
    expect(asked.length).toBeGreaterThan(100);
    expect([...new Set(asked)].filter((key) => !has(key))).toEqual([]);
  });

  it("has no markup, and no page shows any", () => {
    expect([...flatten(texts).values()].filter((text) => /<\/?[a-z]/i.test(text))).toEqual([]);
    expect(sources.filter((path) => /v-html|innerHTML/.test(read(path)))).toEqual([]);
  });

  it("fills in, and chooses by number", () => {
    const t = translator({ a: { one: "{count} cat", other: "{count} cats of {who}" }, b: "{x} and {y}" });
    expect([t("a", { count: 1 }), t("a", { count: 1200, who: "me" }), t("b", { x: "{y}" }), t("c.d")]).toEqual(["1 cat", "1,200 cats of me", "{y} and {y}", "c.d"]);
  });
});
