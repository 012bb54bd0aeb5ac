// What the forms of GitRepos and HelmOps have alike: the head, texts and switches by their path in the spec, and targets.
import { at, type Base, type Made } from "./forms";
import { modeOf, type Target, type TargetMode, type TargetRow, targetRows, targetsOf } from "./targets";

export interface SourceForm<T extends string, F extends string> {
  name: string;
  namespace: string;
  labels: Record<string, string>;
  texts: Record<T, string>;
  flags: Record<F, boolean>;
  mode: TargetMode;
  targets: TargetRow[];
}

export function textAt(spec: unknown, path: string): string {
  const value = at(spec, path);
  return typeof value === "string" ? value : "";
}

export function sourceForm<T extends string, F extends string>({ metadata, spec = {} }: Base, texts: readonly T[], flags: readonly F[]): SourceForm<T, F> {
  const targets = spec["targets"] as Target[] | undefined;
  return {
    name: metadata.name ?? "",
    namespace: metadata.namespace ?? "",
    labels: { ...metadata.labels },
    texts: Object.fromEntries(texts.map((path) => [path, textAt(spec, path)])) as Record<T, string>,
    flags: Object.fromEntries(flags.map((path) => [path, at(spec, path) === true])) as Record<F, boolean>,
    mode: modeOf(targets),
    targets: targetRows(targets),
  };
}

/** What the form says, by path; `spec` is what it was read from. */
export function sourceFields(form: SourceForm<string, string>, spec: Record<string, unknown>): Record<string, unknown> {
  const texts = Object.fromEntries(Object.entries(form.texts).map(([path, value]) => [path, value.trim()]));
  return { ...texts, ...form.flags, targets: targetsOf(form.mode, form.targets, spec["targets"] as Target[] | undefined) };
}

export function sourceMade(kind: string, form: SourceForm<string, string>, spec: Record<string, unknown>): Made {
  return { apiVersion: "fleet.cattle.io/v1alpha1", kind, metadata: { name: form.name.trim(), namespace: form.namespace, labels: form.labels }, spec };
}

/** What is asked about the targets of a form, whatever else is not written yet: `source` stands for where it deploys from. */
export function askedOf(made: Made, source: Record<string, unknown>): object {
  const { name: _name, ...metadata } = made.metadata;
  return { ...made, metadata: { ...metadata, generateName: "targets-" }, spec: { targets: made.spec["targets"], ...source } };
}
