// Kubernetes' label selectors as rows that can be edited. Invariant: a selector that nobody edits comes out of the rows as it went
// in, key by key; operators and fields that the rows do not know are kept.
import type { Resource } from "./types";

export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: Requirement[];
}
export interface Requirement {
  key: string;
  operator: string;
  values?: string[];
}
export const OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist"] as const;

/** `equals` rows are `matchLabels`; all others `matchExpressions`. */
export interface Row {
  key: string;
  operator: string;
  values: string[];
  isLabel: boolean;
  hadValues: boolean;
}

export function rowsOf(selector: LabelSelector | undefined): Row[] {
  const labels = Object.entries(selector?.matchLabels ?? {});
  return [
    ...labels.map(([key, value]) => ({ key, operator: "In", values: [value], isLabel: true, hadValues: true })),
    ...(selector?.matchExpressions ?? []).map((one) => ({
      key: one.key,
      operator: one.operator,
      values: [...(one.values ?? [])],
      isLabel: false,
      hadValues: one.values !== undefined,
    })),
  ];
}

export function takesValues(operator: string): boolean {
  return operator !== "Exists" && operator !== "DoesNotExist";
}

/** The selector of the rows; `shape` says which of its two fields are there even when they are empty. */
export function selectorOf(rows: readonly Row[], shape: LabelSelector = {}): LabelSelector {
  const isLabel = (row: Row): boolean => row.isLabel && row.operator === "In" && row.values.length === 1;
  const labels: Record<string, string> = {};
  const expressions: Requirement[] = [];
  for (const row of rows) {
    if (isLabel(row) && !Object.hasOwn(labels, row.key)) set(labels, row.key, row.values[0] ?? "");
    else expressions.push(requirement(row));
  }
  return {
    ...(Object.keys(labels).length || shape.matchLabels ? { matchLabels: labels } : {}),
    ...(expressions.length || shape.matchExpressions ? { matchExpressions: expressions } : {}),
  };
}

/** As an own property, also for a key such as `__proto__`. */
function set(labels: Record<string, string>, key: string, value: string): void {
  Object.defineProperty(labels, key, { value, enumerable: true, configurable: true, writable: true });
}

function requirement(row: Row): Requirement {
  const { key, operator } = row;
  return takesValues(operator) || row.hadValues ? { key, operator, values: row.values } : { key, operator };
}

/** A row for what somebody is about to write. */
export function emptyRow(): Row {
  return { key: "", operator: "In", values: [""], isLabel: true, hadValues: true };
}

/** What is written with commas between; nothing is the one value that is empty. */
export function valuesOf(text: string): string[] {
  const found = text.split(",").map((value) => value.trim());
  return found.length > 1 ? found.filter(Boolean) : found;
}

/** As text, the way `labelSelector` takes it; what can't be written so is left to the server to refuse. */
export function asText(selector: LabelSelector | undefined): string {
  return rowsOf(selector).map(termOf).join(",");
}

function termOf(row: Row): string {
  if (row.isLabel) return `${row.key}=${row.values[0]}`;
  if (row.operator === "Exists") return row.key;
  if (row.operator === "DoesNotExist") return `!${row.key}`;
  return `${row.key} ${row.operator.toLowerCase()} (${row.values.join(",")})`;
}

/** The keys of the labels that these have, each once. */
export function labelKeys(rows: readonly Resource[]): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row.metadata.labels ?? {})))].sort();
}
