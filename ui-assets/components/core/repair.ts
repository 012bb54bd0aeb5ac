// What a repair found and did, as `/v1/repair` tells it, and its course: a step that goes on by itself is looked after by asking again.

export interface Ref {
  kind: string;
  namespace: string;
  name: string;
}
export interface Finding {
  rule: string;
  object: Ref;
  message: string;
  hint: string;
  advice: boolean;
}
export interface Step {
  object: Ref;
  action: string;
  result: string;
  detail: string;
}
export interface RepairReport {
  findings: Finding[];
  steps: Step[];
  left: Finding[];
  dryRun: boolean;
}

/** Asks for one round of a repair; `dryRun` only looks. */
export type Ask = (dryRun: boolean) => Promise<RepairReport>;

/** So often a repair that goes on by itself is looked after before a person is asked to. */
export const ROUNDS = 30;

export function place(at: Ref): string {
  return at.namespace ? `${at.namespace}/${at.name}` : at.name;
}

export function isUnderWay(report: RepairReport | undefined): boolean {
  return Boolean(report && !report.dryRun && report.steps.some((step) => step.result === "waiting"));
}

/** What is wrong, and what is only an advice. */
export function parted(found: readonly Finding[]): { broken: Finding[]; advice: Finding[] } {
  return { broken: found.filter((one) => !one.advice), advice: found.filter((one) => one.advice) };
}

/** The steps of a repair so far: those of each round take the place of the same ones before, and what was done stays done. */
export function merged(before: readonly Step[], now: readonly Step[]): Step[] {
  const named = (step: Step): string => `${step.object.kind} ${place(step.object)} ${step.action}`;
  const newer = new Map(now.map((step) => [named(step), step]));
  const kept = before.map((step) => (step.result === "done" ? step : newer.get(named(step)) ?? step));
  const known = new Set(before.map(named));
  return [...kept, ...now.filter((step) => !known.has(named(step)))];
}

/** Repairs round by round until nothing is under way, `told` of each; gives up when `isStopped`. */
export async function repair(ask: Ask, told: (report: RepairReport) => void, isStopped: () => boolean): Promise<void> {
  let steps: Step[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const report = await ask(false);
    steps = merged(steps, report.steps);
    told({ ...report, steps });
    if (isStopped() || !isUnderWay(report)) return;
  }
}
