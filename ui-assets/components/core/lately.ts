// What happened last, out of what objects say of themselves: operations that were begun, errors that came up, and GitRepos and Helm Ops
// that became ready or stopped being it. Pure.
import type { Operation } from "./operation";
import type { Condition, ErrorGroup, Resource } from "./types";

export interface Happening {
  time: string;
  /** The key of its text below `lately`. */
  what: "forceUpdate" | "move" | "error" | "ready" | "notReady" | "stalled";
  /** The object it happened to, or for an error the group of clusters. */
  id: string;
  kind: string;
  /** Who did it, or what was said. */
  by: string;
  count: number;
  shape?: string;
}

const MOST = 12;

export function happenings(operations: readonly Operation[], groups: readonly ErrorGroup[], objects: readonly Resource[]): Happening[] {
  const found = [...operations.map(begun), ...groups.map(came), ...objects.flatMap(became)];
  return found.filter((one) => !Number.isNaN(Date.parse(one.time))).sort((a, b) => Date.parse(b.time) - Date.parse(a.time) || (a.id < b.id ? -1 : 1)).slice(0, MOST);
}

function begun(one: Operation): Happening {
  return { time: one.created ?? "", what: one.kind, id: one.id, kind: "operation", by: one.by, count: one.total };
}

function came(group: ErrorGroup): Happening {
  return { time: group.since, what: "error", id: group.id, kind: "errorgroup", by: group.example || group.message, count: group.clusters, shape: group.shape };
}

/** What one object became last: stalled, or ready or not. */
function became(object: Resource): Happening[] {
  const conditions: Condition[] = object.status?.conditions ?? [];
  const of = (type: string, status: string): Condition | undefined => conditions.find((one) => one.type === type && one.status === status);
  const told = (what: Happening["what"], one: Condition | undefined): Happening[] =>
    one ? [{ time: one.lastTransitionTime ?? one.lastUpdateTime ?? "", what, id: object.id, kind: object.kind ?? "", by: one.message ?? "", count: 0 }] : [];
  const stalled = told("stalled", of("Stalled", "True"));
  return stalled.length ? stalled : [...told("ready", of("Ready", "True")), ...told("notReady", of("Ready", "False"))];
}
