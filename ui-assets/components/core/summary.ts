// How many objects of a list are in which state, counted by the server; counted again as they change, every few seconds at most.
import { computed, type ComputedRef, shallowRef } from "vue";
import { useApp } from "./app";
import { ApiError, type Query } from "./client";
import { ofTypes, useReading } from "./reading";
import { RANKED, type Share } from "./states";
import type { Collection } from "./types";

interface Counted extends Collection {
  summary?: { counts: Record<string, { total: number }> }[];
}
export interface States {
  count: ComputedRef<number>;
  shares: ComputedRef<Share[]>;
  loaded: ComputedRef<boolean>;
}

const EVERY = 5000;
const UNCOUNTED = 422;
const BY_STATE: Query = { summary: "metadata.state.name" };

/** `read` may refuse to count by state where there are too many objects whose state is a sum: then their number alone is known. */
export function useStates(path: () => string, types: readonly string[], every = EVERY): States {
  const { client } = useApp();
  const body = shallowRef<Counted>();
  useReading(async (signal) => {
    const query = { limit: 1, exclude: ["spec", "status"] };
    const ask = async (more: Query): Promise<void> => {
      body.value = await client.get<Counted>(path(), { ...query, ...more }, signal);
    };
    try {
      await ask(BY_STATE);
    } catch (problem) {
      if (!(problem instanceof ApiError && problem.status === UNCOUNTED)) throw problem;
      await ask({});
    }
  }, { question: path, concerns: ofTypes(types), every });
  return {
    count: computed(() => body.value?.count ?? 0),
    shares: computed(() => ranked(body.value?.summary?.[0]?.counts ?? {})),
    loaded: computed(() => body.value !== undefined),
  };
}

/** The worst first; a state that nobody knows comes before what is well. */
export function ranked(counts: Record<string, { total: number }>): Share[] {
  const rank = (name: string): number => {
    const place = RANKED.indexOf(name);
    return place < 0 ? RANKED.length - 1.5 : place;
  };
  const found = Object.entries(counts).map(([name, { total }]) => ({ name, count: total }));
  return found.filter((share) => share.count > 0).sort((a, b) => rank(a.name) - rank(b.name));
}
