// Times as people say them. One clock for a page, so that a thousand rows tick together.
import { onScopeDispose, type Ref, ref } from "vue";

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

/** What the clock of the page may be behind, as it ticks. */
const BEHIND = 15;

export function relative(time: string, now: number, locale = "en-US"): string {
  const between = Math.round((Date.parse(time) - now) / 1000);
  if (Number.isNaN(between)) return "";
  const seconds = between >= 0 && between <= BEHIND ? -0 : between;
  const format = new Intl.RelativeTimeFormat(locale, { numeric: "always", style: "short" });
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return format.format(Math.trunc(seconds / size), unit);
}

export function exact(time: string, locale?: string): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleString(locale, { dateStyle: "medium", timeStyle: "long" });
}

const now = ref(Date.now());
let users = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/** The time, to the ten seconds. */
export function useNow(): Ref<number> {
  if (users++ === 0) {
    now.value = Date.now();
    timer = setInterval(() => (now.value = Date.now()), 10_000);
  }
  onScopeDispose(() => {
    if (--users === 0) clearInterval(timer);
  });
  return now;
}
