// Doing something and saying how it went.
import { ref, type Ref } from "vue";
import { inWords, useApp } from "./app";
import { ApiError } from "./client";

export interface Doing {
  busy: Ref<boolean>;
  error: Ref<ApiError | null>;
  /** Runs `work`; what it gives, or undefined when the API refused, which is kept in `error` and said. */
  run<T>(work: () => Promise<T>, said?: string, quiet?: boolean): Promise<T | undefined>;
}

export function useDoing(): Doing {
  const { t, notices } = useApp();
  const busy = ref(false);
  const error = ref<ApiError | null>(null);
  async function run<T>(work: () => Promise<T>, said = "", quiet = false): Promise<T | undefined> {
    busy.value = true;
    error.value = null;
    try {
      const result = await work();
      if (said) notices.say("success", said);
      return result;
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      error.value = problem;
      const words = inWords(problem, t);
      if (!quiet) notices.say("error", words.text, words.detail);
      return undefined;
    } finally {
      busy.value = false;
    }
  }
  return { busy, error, run };
}
