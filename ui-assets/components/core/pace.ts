// How often something is done: the newest question wins, and what is asked for all the time is done once a second.

export interface Paced {
  run: () => void;
  stop: () => void;
}

/** Runs `work`, giving up what it still did for an older question. */
export function latest(work: (signal: AbortSignal) => Promise<void>): Paced {
  let current: AbortController | undefined;
  return {
    run: () => {
      current?.abort();
      const mine = (current = new AbortController());
      work(mine.signal).catch((problem: unknown) => {
        if (!mine.signal.aborted) throw problem;
      });
    },
    stop: () => current?.abort(),
  };
}

/** Runs `work` at once, and again at most every `ms` while it is asked for. */
export function throttled(work: () => void, ms = 1000): Paced {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asked = false;
  const run = (): void => {
    if (timer) {
      asked = true;
      return;
    }
    work();
    timer = setTimeout(() => {
      timer = undefined;
      if (asked) {
        asked = false;
        run();
      }
    }, ms);
  };
  return { run, stop: () => clearTimeout(timer) };
}
