// What happened to one object, as the API tells it. Pure.
import type { Tone } from "./states";

export interface HappenedEvent {
  id: string;
  _type: "Normal" | "Warning";
  reason: string;
  message?: string;
  count: number;
  firstTimestamp: string;
  lastTimestamp: string;
}

/** The whole name of a commit in what an event says, if there is one: of SHA-1 or SHA-256. */
export function commitIn(message: string | undefined): string {
  return /(?<![0-9a-f])(?:[0-9a-f]{64}|[0-9a-f]{40})(?![0-9a-f])/.exec(message ?? "")?.[0] ?? "";
}

const GOOD = new Set(["Ready", "Resolved", "Deployed"]);

export function toneOf(event: HappenedEvent): Tone {
  return event._type === "Warning" ? "bad" : GOOD.has(event.reason) ? "good" : "none";
}
