// What a page reads, and reads again: at once, when it asks for something else, when a change concerns it, and when the server was away.
// Invariants: the newest question wins, whatever comes when; an error of the API is shown by who reads and never breaks the page; however
// much changes, it is read again at most once in `every`.
import { onScopeDispose, shallowRef, type ShallowRef, watch } from "vue";
import { useApp } from "./app";
import { ApiError } from "./client";
import type { Change } from "./events";
import { latest, throttled } from "./pace";

export interface Asked {
  /** What is asked for: compared as JSON. */
  question: () => unknown;
  concerns: (change: Change) => boolean;
  /** In milliseconds. */
  every?: number;
  /** So many milliseconds after the question changed, since it may change again. */
  after?: number;
}
export interface Reading {
  run: () => void;
  /** Why the last reading failed. */
  error: ShallowRef<ApiError | null>;
}

/** Reads as long as its component is there. */
export function useReading(work: (signal: AbortSignal) => Promise<void>, { question, concerns, every, after = 0 }: Asked): Reading {
  const { events } = useApp();
  const error = shallowRef<ApiError | null>(null);
  const read = latest(async (signal) => {
    let found: ApiError | null = null;
    try {
      await work(signal);
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      found = problem;
    }
    if (!signal.aborted) error.value = found;
  });
  const again = throttled(read.run, every);
  let timer: ReturnType<typeof setTimeout> | undefined;
  watch(() => JSON.stringify(question()), () => {
    clearTimeout(timer);
    if (after) timer = setTimeout(read.run, after);
    else read.run();
  });
  const leave = events.listen((changes, resync) => {
    if (resync || changes.some(concerns)) again.run();
  });
  onScopeDispose(() => [leave, again.stop, read.stop, () => clearTimeout(timer)].forEach((stop) => stop()));
  read.run();
  return { run: read.run, error };
}

/** For what is of these types. */
export function ofTypes(types: readonly string[]): (change: Change) => boolean {
  return (change) => types.includes(change.resourceType);
}
