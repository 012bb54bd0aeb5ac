import { describe, expect, it } from "vitest";
import { merged, repair, type RepairReport, ROUNDS, type Step } from "../components/core/repair";

function step(name: string, result: string): Step {
  return { object: { kind: "Cluster", namespace: "w", name }, action: "install the agent again", result, detail: "" };
}
function report(...steps: Step[]): RepairReport {
  return { findings: [], steps, left: [], dryRun: false };
}

/** Answers one report after the other, the last for ever, and counts. */
function answering(...reports: RepairReport[]): { ask: (dryRun: boolean) => Promise<RepairReport>; asked: () => number } {
  let asked = 0;
  return { ask: async () => reports[Math.min(asked++, reports.length - 1)]!, asked: () => asked };
}

describe("a repair", () => {
  it("is asked for again until nothing is under way, and keeps what was done before", async () => {
    const { ask, asked } = answering(report(step("a", "done"), step("b", "waiting")), report(step("a", "unneeded"), step("b", "waiting")), report(step("b", "done")));
    const told: RepairReport[] = [];
    await repair(ask, (now) => told.push(now), () => false);
    expect(asked()).toBe(3);
    expect(told.at(-1)?.steps.map((one) => [one.object.name, one.result])).toEqual([["a", "done"], ["b", "done"]]);
  });

  it("is not asked for again once somebody stopped it, and never for ever", async () => {
    const stopped = answering(report(step("a", "waiting")));
    await repair(stopped.ask, () => undefined, () => true);
    const endless = answering(report(step("a", "waiting")));
    await repair(endless.ask, () => undefined, () => false);
    expect([stopped.asked(), endless.asked()]).toEqual([1, ROUNDS]);
  });

  it("ends with a step that failed", async () => {
    const { ask, asked } = answering(report(step("a", "failed")));
    await repair(ask, () => undefined, () => false);
    expect(asked()).toBe(1);
  });

  it("shows a step that came later after those that were known", () => {
    expect(merged([step("a", "waiting")], [step("b", "planned"), step("a", "done")]).map((one) => one.object.name + one.result)).toEqual(["adone", "bplanned"]);
  });
});
