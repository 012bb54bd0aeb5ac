// A new cluster: what is pasted where it can be reached, and whether it came.
import type { Resource } from "./types";

export interface RegistrationValues {
  values: string;
  command: string;
}

const END = "VALUES";

/** One thing to paste into a shell: the command reads the values, so that their token is in no argument that others could see. */
export function pasted(told: RegistrationValues): string {
  return `${told.command} <<'${END}'\n${told.values.trimEnd()}\n${END}\n`;
}

/** The same for people who look over one's shoulder. */
export function masked(text: string): string {
  return text.replace(/^(token: ).+$/m, "$1••••••••");
}

/** The newest clusters of a workspace when one began to wait: what is made later than these is new. */
export interface Before {
  ids: ReadonlySet<string>;
  newest: string;
}

export function before(newest: readonly Resource[]): Before {
  return { ids: new Set(newest.map((one) => one.id)), newest: newest.map((one) => one.metadata.creationTimestamp ?? "").sort().at(-1) ?? "" };
}

/** Times are the server's, so clocks that differ do not matter. */
export function arrivals(known: Before, newest: readonly Resource[]): Resource[] {
  return newest.filter((one) => !known.ids.has(one.id) && (one.metadata.creationTimestamp ?? "") >= known.newest);
}
