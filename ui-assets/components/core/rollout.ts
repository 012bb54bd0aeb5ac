// A bundle's rollout: its partitions in their order, and which of them goes on now. The rule is the engine's (`targeting/rollout.py`): a
// partition with more clusters unavailable than it may have holds up those after it, once there are more such partitions than may be.
import type { Summary } from "./types";

export interface Partition {
  name: string;
  count?: number;
  maxUnavailable?: number;
  unavailable?: number;
  summary?: Summary;
}
export interface Rollout {
  partitions?: Partition[];
  maxUnavailablePartitions?: number;
}

/** `within`: not all of it is up to date, and that is few enough for the next one to go on. */
export type Stage = "done" | "within" | "now" | "waits";
export interface Part {
  name: string;
  total: number;
  /** Clusters that run what they should and are ready. */
  done: number;
  unavailable: number;
  /** So many may be unavailable at once. */
  most: number;
  stage: Stage;
  summary: Summary | undefined;
}

export function parts(status: Rollout | undefined): Part[] {
  const held = { count: 0, most: status?.maxUnavailablePartitions ?? 0 };
  return (status?.partitions ?? []).map((one) => {
    const [total, unavailable, most] = [one.count ?? 0, one.unavailable ?? 0, one.maxUnavailable ?? 0];
    const stage: Stage = held.count > held.most ? "waits" : !unavailable ? "done" : unavailable <= most ? "within" : "now";
    if (stage === "now") held.count += 1;
    return { name: one.name, total, done: Math.max(0, total - unavailable), unavailable, most, stage, summary: one.summary };
  });
}

/** The partition that goes on now, by its place; undefined when all are done. */
export function current(found: readonly Part[]): { part: Part; place: number } | undefined {
  const at = (stage: Stage): number => found.findIndex((part) => part.stage === stage);
  const place = at("now") >= 0 ? at("now") : at("within");
  const part = found[place];
  return part ? { part, place: place + 1 } : undefined;
}

/** Whether a partition can never go on: none of its clusters may be unavailable, and an update makes it so for a while. */
export function isStuck(part: Part): boolean {
  return part.stage === "now" && part.most === 0;
}

/** Where in a partition's bar the next one may begin, in percent. */
export function mark(part: Part): number {
  return part.total ? Math.max(0, Math.min(100, Math.round((100 * (part.total - part.most)) / part.total))) : 0;
}
