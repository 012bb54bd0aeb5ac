import { createApp, effectScope, type EffectScope, nextTick, ref } from "vue";
import { describe, expect, it } from "vitest";
import { APP, type App } from "../components/core/app";
import { ApiError } from "../components/core/client";
import type { Listener } from "../components/core/events";
import { type Asked, ofTypes, type Reading, useReading } from "../components/core/reading";

const CHANGE = { kind: "change", resourceType: "t", id: "w/a" } as const;

/** A reading in a component of its own, the calls that it made in order, and what ends it. */
function begun(asked: Asked): { reading: Reading; calls: { signal: AbortSignal; answer: (problem?: unknown) => void }[]; tell: Listener; scope: EffectScope; listeners: Set<Listener> } {
  const listeners = new Set<Listener>();
  const events = { listen: (listener: Listener) => (listeners.add(listener), () => listeners.delete(listener)) };
  const calls: { signal: AbortSignal; answer: (problem?: unknown) => void }[] = [];
  const app = createApp({});
  app.provide(APP, { events } as unknown as App);
  const scope = effectScope();
  const work = (signal: AbortSignal): Promise<void> => new Promise((done, failed) => calls.push({ signal, answer: (problem) => (problem ? failed(problem) : done()) }));
  const reading = app.runWithContext(() => scope.run(() => useReading(work, asked)))!;
  return { reading, calls, tell: (changes, resync) => listeners.forEach((one) => one(changes, resync)), scope, listeners };
}

describe("a reading", () => {
  it("is made at once, and anew when the question is another one and not when it is the same", async () => {
    const question = ref({ page: 1 });
    const { calls } = begun({ question: () => question.value, concerns: () => false });
    expect(calls.length).toBe(1);
    question.value = { page: 1 };
    await nextTick();
    expect(calls.length).toBe(1);
    question.value = { page: 2 };
    await nextTick();
    expect(calls.map((call) => call.signal.aborted)).toEqual([true, false]);
  });

  it("is made again by changes that concern it, and by whatever it was after the server was away", async () => {
    const { calls, tell } = begun({ question: () => "", concerns: ofTypes(["t"]), every: 0 });
    const after = async (work: () => void): Promise<number> => {
      await new Promise((done) => setTimeout(done, 5));
      work();
      return calls.length;
    };
    expect(await after(() => tell([{ ...CHANGE, resourceType: "other" }], false))).toBe(1);
    expect(await after(() => tell([CHANGE], false))).toBe(2);
    expect(await after(() => tell([], true))).toBe(3);
  });

  it("has the error of the newest question only, and none after an answer", async () => {
    const { reading, calls } = begun({ question: () => "", concerns: () => false });
    reading.run();
    calls[0]!.answer(new ApiError(500, "ServerError", "the old one"));
    calls[1]!.answer(new ApiError(404, "NotFound", "the new one"));
    await expect.poll(() => reading.error.value?.message).toBe("the new one");
    reading.run();
    calls[2]!.answer();
    await expect.poll(() => reading.error.value).toBe(null);
  });

  it("ends with its component: it gives up what it asked for, and hears of nothing", () => {
    const { calls, scope, listeners } = begun({ question: () => "", concerns: () => true });
    expect(listeners.size).toBe(1);
    scope.stop();
    expect([calls[0]!.signal.aborted, listeners.size]).toEqual([true, 0]);
  });
});
