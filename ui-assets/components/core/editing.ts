// Saving what was edited over what is there now. Invariant: what somebody else changed meanwhile is never overwritten unless whoever
// edits has seen it and said so.
import { ApiError, type Client } from "./client";
import { isMap, mergePatch, type Patch } from "./patches";
import type { Resource } from "./types";

/** The part of an object that a form edits. */
export type Editable = { metadata?: { labels?: Record<string, string> | undefined }; spec?: unknown };

export interface Saved<R> {
  object?: R;
  /** The object as somebody else left it, when both changed the same. */
  theirs?: R;
}

const ATTEMPTS = 3;

export function editable(object: Resource): Editable {
  return { metadata: { labels: object.metadata.labels ?? {} }, spec: object.spec ?? {} };
}

/** Whether two patches of the same object touch the same field. */
export function overlaps(one: Patch, other: Patch): boolean {
  return Object.entries(one).some(([name, mine]) => {
    if (!Object.hasOwn(other, name)) return false;
    const theirs = other[name];
    return isMap(mine) && isMap(theirs) ? overlaps(mine as Patch, theirs as Patch) : true;
  });
}

/**
 * Does to what is stored what was done to `base`, as it was read, to make `wanted` of it. `seen` is what somebody else left, if that was
 * shown. Raises ApiError.
 */
export async function save<R extends Resource>(client: Client, path: string, base: R, wanted: Editable, seen: R = base): Promise<Saved<R>> {
  const patch = mergePatch(editable(base), wanted);
  if (!patch) return { object: base };
  let version = seen.metadata.resourceVersion;
  for (let attempt = 1; ; attempt++) {
    try {
      return { object: await client.patch<R>(path, patch, version) };
    } catch (problem) {
      if (!(problem instanceof ApiError) || problem.status !== 412 || attempt === ATTEMPTS) throw problem;
    }
    const now = await client.get<R>(path);
    const changed = mergePatch(editable(seen), editable(now));
    if (changed && overlaps(patch, changed)) return { theirs: now };
    version = now.metadata.resourceVersion;
  }
}
