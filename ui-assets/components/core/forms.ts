// Forms of objects with a spec: each field of a form is a place in the spec. Invariant: a field that nobody edits is not touched, whatever
// is in it and beside it; an emptied one is taken out.
import { isMap, same } from "./patches";
import type { Resource } from "./types";

type Spec = Record<string, unknown>;

export interface Made {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; labels: Record<string, string> };
  spec: Record<string, unknown>;
}
export interface Base {
  metadata: { name?: string; namespace?: string; labels?: Record<string, string> };
  spec?: Record<string, unknown>;
}
const CREATED_BY = "fleet.cattle.io/created-by-user-id";

/** What a copy starts from: all but what is the original's own. */
export function copyOf(object: Resource): Base {
  const { [CREATED_BY]: _maker, ...labels } = object.metadata.labels ?? {};
  const { forceSyncGeneration: _counted, ...spec } = (object.spec ?? {}) as Record<string, unknown>;
  return { metadata: { labels, ...(object.metadata.namespace ? { namespace: object.metadata.namespace } : {}) }, spec };
}

/** What is at a dotted path of the spec; undefined when there is nothing. */
export function at(spec: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((value, step) => (isMap(value) && Object.hasOwn(value, step) ? value[step] : undefined), spec);
}

/** The spec with `value` at a dotted path; what is empty is taken out, with what only held it. */
export function withAt(spec: Spec, path: string, value: unknown): Spec {
  const [step = "", ...rest] = path.split(".");
  const inner = rest.length ? withAt(isMap(spec[step]) ? spec[step] : {}, rest.join("."), value) : value;
  const { [step]: _old, ...others } = spec;
  const isHeldOnly = rest.length > 0 && isMap(inner) && !Object.keys(inner).length;
  return isEmpty(inner) || isHeldOnly ? others : { ...spec, [step]: inner };
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === "" || value === false || (Array.isArray(value) && value.length === 0);
}

/** The spec after the edits of a form: the fields by path, as they were read and as they are now. */
export function edited(spec: Spec, before: Readonly<Record<string, unknown>>, now: Readonly<Record<string, unknown>>): Spec {
  return Object.keys(now).reduce((made, path) => (same(before[path], now[path]) ? made : withAt(made, path, now[path])), spec);
}

/** Text as the API has bytes, and back. */
export function encoded(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
export function decoded(text: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
  } catch {
    return "";
  }
}

/** Whether an error is about this field or a part of it. */
export function isAbout(named: string, field: string): boolean {
  return named === field || named.startsWith(`${field}[`) || named.startsWith(`${field}.`);
}
