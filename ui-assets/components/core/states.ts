// How a state looks: one tone a state, the same in badges and bars.
import type { State, Summary } from "./types";

export type Tone = "good" | "bad" | "going" | "held" | "none";

const TONES: Record<string, Tone> = {
  active: "good",
  ready: "good",
  done: "good",
  paused: "held",
  modified: "bad",
  errapplied: "bad",
  error: "bad",
  failed: "bad",
  missing: "bad",
  orphaned: "held",
  notready: "going",
  waitapplied: "going",
  waitcheckin: "going",
  outofsync: "going",
  pending: "going",
  gitupdating: "going",
  removing: "going",
  running: "going",
  waiting: "going",
  arriving: "going",
  leaving: "going",
  updating: "going",
  gone: "held",
  reverted: "bad",
  skipped: "held",
  unneeded: "good",
};

export function tone(state: State | string): Tone {
  const name = (typeof state === "string" ? state : state.name).toLowerCase();
  if (typeof state !== "string" && state.error) return "bad";
  return TONES[name] ?? "none";
}

/** Fleet's names of the states of a deployment, as Rancher writes them, the worst first. */
export const STATES = ["errapplied", "waitapplied", "modified", "outofsync", "pending", "notready", "active"] as const;

/** Those that a cluster can be in besides. */
export const CLUSTER_STATES = ["waitcheckin", ...STATES] as const;

/** All that are counted, the worst first. */
export const RANKED: readonly string[] = ["error", "errapplied", "modified", "waitcheckin", "waitapplied", "notready", "outofsync", "pending", "gitupdating", "removing", "paused", "active"];

export interface Share {
  name: string;
  count: number;
}

/** The states in a summary that anything is in, the worst first. */
export function shares(summary: Summary | undefined): Share[] {
  const of = summary ?? {};
  const counts: Record<(typeof STATES)[number], number> = {
    errapplied: of.errApplied ?? 0,
    waitapplied: of.waitApplied ?? 0,
    modified: of.modified ?? 0,
    outofsync: of.outOfSync ?? 0,
    pending: of.pending ?? 0,
    notready: of.notReady ?? 0,
    active: of.ready ?? 0,
  };
  return STATES.map((name) => ({ name, count: counts[name] })).filter((share) => share.count > 0);
}
