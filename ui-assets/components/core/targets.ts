// The targets of a GitRepo or HelmOp as rows that can be edited. Invariant: a target that nobody edits comes out as it went in, also one
// of a shape that the rows do not know.
import { same } from "./patches";
import type { LabelSelector } from "./selectors";

export interface Target {
  name?: string;
  clusterName?: string;
  clusterGroup?: string;
  clusterSelector?: LabelSelector;
  clusterGroupSelector?: LabelSelector;
}
export const TARGET_KINDS = ["labels", "cluster", "group", "groupLabels"] as const;
/** `other`: more than one criterion at once, or none; it is shown and kept. */
export type TargetKind = (typeof TARGET_KINDS)[number] | "other";

export interface TargetRow {
  kind: TargetKind;
  /** Of the cluster or group. */
  value: string;
  selector: LabelSelector | undefined;
  /** What it was read from, with what rows do not show. */
  source: Target;
  /** Tells rows apart on a page. */
  id: number;
}
/** `standard`: none are named, and the cluster group `default` of the workspace is meant. */
export type TargetMode = "standard" | "all" | "chosen";

const CRITERIA = { cluster: "clusterName", group: "clusterGroup", labels: "clusterSelector", groupLabels: "clusterGroupSelector" } as const;
export const EVERYTHING: readonly Target[] = [{ name: "all", clusterSelector: {} }];
/** What Rancher writes for all clusters: a cluster of Harvester is none that one deploys to. */
const ALL_OF_RANCHER: LabelSelector = { matchExpressions: [{ key: "provider.cattle.io", operator: "NotIn", values: ["harvester"] }] };
let last = 0;

export function modeOf(targets: readonly Target[] | undefined): TargetMode {
  if (!targets?.length) return "standard";
  return targets.length === 1 && isEverything(targets[0]!) ? "all" : "chosen";
}

function isEverything(target: Target): boolean {
  const selector = target.clusterSelector;
  const isAlone = !target.clusterName && !target.clusterGroup && !target.clusterGroupSelector;
  const selects = selector && !Object.keys(selector.matchLabels ?? {}).length && !(selector.matchExpressions ?? []).length;
  return isAlone && selector !== undefined && (selects === true || same(selector, ALL_OF_RANCHER));
}

export function targetRow(kind: TargetKind, source: Target = {}): TargetRow {
  const value = kind === "cluster" || kind === "group" ? (source[CRITERIA[kind]] ?? "") : "";
  const selector = kind === "labels" || kind === "groupLabels" ? source[CRITERIA[kind]] : undefined;
  return { kind, value, selector, source, id: ++last };
}

export function targetRows(targets: readonly Target[] | undefined): TargetRow[] {
  return (targets ?? []).map((target) => {
    const named = TARGET_KINDS.filter((kind) => target[CRITERIA[kind]] !== undefined && target[CRITERIA[kind]] !== "");
    return targetRow(named.length === 1 ? named[0]! : "other", target);
  });
}

/** Whether the row says whom it selects: one without a name or selector would select nobody. */
export function isWhole(row: TargetRow): boolean {
  return row.kind === "other" || (row.kind === "cluster" || row.kind === "group" ? row.value.trim() !== "" : row.selector !== undefined);
}

/** Whether there are targets and all say whom they select: none at all would mean the default group. */
export function areWhole(rows: readonly TargetRow[]): boolean {
  return rows.length > 0 && rows.every(isWhole);
}

export function targetOf(row: TargetRow): Target {
  if (row.kind === "other") return row.source;
  const kept = Object.entries(row.source).filter(([name]) => !Object.values(CRITERIA).some((criterion) => criterion === name));
  const criterion = CRITERIA[row.kind];
  const value = row.kind === "cluster" || row.kind === "group" ? row.value.trim() : row.selector;
  return { ...Object.fromEntries(kept), [criterion]: value } as Target;
}

/** The targets that a mode and its rows mean; what is not edited stays as it is in `before`. */
export function targetsOf(mode: TargetMode, rows: readonly TargetRow[], before: readonly Target[] | undefined): Target[] | undefined {
  if (mode === modeOf(before) && mode !== "chosen") return before && [...before];
  if (mode === "standard") return undefined;
  return mode === "all" ? [...EVERYTHING] : rows.filter(isWhole).map(targetOf);
}
