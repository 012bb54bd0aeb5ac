// Merge patches that hold only what was edited: what somebody else changed meanwhile, and what a form does not show, stays.

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Patch = { [name: string]: Json };

/** The merge patch (RFC 7386) from `before` to `after`; undefined when nothing differs. Lists are replaced as a whole. */
export function mergePatch(before: unknown, after: unknown): Patch | undefined {
  const patch: Patch = {};
  const [old, now] = [fields(before), fields(after)];
  for (const name of new Set([...Object.keys(old), ...Object.keys(now)])) {
    const [was, is] = [old[name], now[name]];
    if (same(was, is)) continue;
    if (is === undefined) patch[name] = null;
    else if (isMap(was) && isMap(is)) patch[name] = mergePatch(was, is) ?? {};
    else patch[name] = is as Json;
  }
  return Object.keys(patch).length ? patch : undefined;
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether there is a null in any map of the value: a merge patch can't set one. */
export function holdsNull(value: unknown): boolean {
  return isMap(value) && Object.values(value).some((one) => one === null || holdsNull(one));
}

function fields(value: unknown): Record<string, unknown> {
  return isMap(value) ? value : {};
}

export function same(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((one, place) => same(one, b[place]));
  if (!isMap(a) || !isMap(b)) return a === b;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => name in b && same(a[name], b[name]));
}
