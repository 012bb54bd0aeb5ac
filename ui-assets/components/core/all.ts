// All rows of a list, page by page, where a page needs them all; with a bound, and the truth about what lies beyond it.
import type { Client, Query } from "./client";
import type { Collection } from "./types";

export interface Whole<R> {
  rows: R[];
  /** So many there are on the server. */
  count: number;
  complete: boolean;
}

const PAGE = 1000;

export async function readAll<R>(
  client: Client,
  path: string,
  query: Query,
  most: number,
  signal?: AbortSignal,
  told: (so: Whole<R>) => void = () => undefined,
): Promise<Whole<R>> {
  const so: Whole<R> = { rows: [], count: 0, complete: false };
  let after = "";
  do {
    const page = await client.get<Collection<R>>(path, { ...query, limit: PAGE, continue: after }, signal);
    so.rows.push(...page.data);
    so.count = page.count;
    after = page.continue ?? "";
    so.complete = !after;
    told(so);
  } while (after && so.rows.length < most);
  return so;
}
