// A HelmOp as a form: what it is read into, and the object it makes of it.
import { at, type Base, edited, type Made } from "./forms";
import { type Target, type TargetMode, type TargetRow, modeOf, targetRows, targetsOf } from "./targets";

const TEXTS = ["helm.repo", "helm.chart", "helm.version", "helm.releaseName", "defaultNamespace", "serviceAccount", "helmSecretName", "pollingInterval"] as const;
const FLAGS = ["insecureSkipTLSVerify", "correctDrift.enabled", "correctDrift.force", "keepResources", "helm.atomic", "helm.takeOwnership"] as const;
export const CHART_SOURCES = ["repo", "oci", "tarball"] as const;
export type ChartSource = (typeof CHART_SOURCES)[number];
/** What is written for each kind of source; the rest is empty. */
export const WRITTEN: Record<ChartSource, readonly (typeof TEXTS)[number][]> = {
  repo: ["helm.repo", "helm.chart", "helm.version"],
  oci: ["helm.repo", "helm.version"],
  tarball: ["helm.chart"],
};
const SOURCE = ["helm.repo", "helm.chart", "helm.version"] as const;

export interface HelmOpForm {
  name: string;
  namespace: string;
  labels: Record<string, string>;
  texts: Record<(typeof TEXTS)[number], string>;
  flags: Record<(typeof FLAGS)[number], boolean>;
  source: ChartSource;
  /** Undefined: as they are. */
  values: Record<string, unknown> | undefined;
  mode: TargetMode;
  targets: TargetRow[];
}

export function sourceOf(repo: string, chart: string): ChartSource {
  if (chart.toLowerCase().endsWith(".tgz")) return "tarball";
  return repo.startsWith("oci://") ? "oci" : "repo";
}

export function formOf(object: Base): HelmOpForm {
  const spec = object.spec ?? {};
  const text = (path: string): string => (typeof at(spec, path) === "string" ? (at(spec, path) as string) : "");
  const targets = spec["targets"] as Target[] | undefined;
  return {
    name: object.metadata.name ?? "",
    namespace: object.metadata.namespace ?? "",
    labels: { ...object.metadata.labels },
    texts: Object.fromEntries(TEXTS.map((path) => [path, text(path)])) as HelmOpForm["texts"],
    flags: Object.fromEntries(FLAGS.map((path) => [path, at(spec, path) === true])) as HelmOpForm["flags"],
    source: sourceOf(text("helm.repo"), text("helm.chart")),
    values: undefined,
    mode: modeOf(targets),
    targets: targetRows(targets),
  };
}

export function objectOf(form: HelmOpForm, base: Base): Made {
  const spec = base.spec ?? {};
  const before = spec["targets"] as Target[] | undefined;
  const read = formOf({ metadata: {}, spec });
  const fields = (one: HelmOpForm): Record<string, unknown> => ({
    ...Object.fromEntries(Object.entries(one.texts).map(([path, value]) => [path, value.trim()])),
    ...(one.source === read.source ? {} : Object.fromEntries(SOURCE.filter((path) => !WRITTEN[one.source].includes(path)).map((path) => [path, ""]))),
    ...one.flags,
    targets: targetsOf(one.mode, one.targets, before),
  });
  const [was, now] = [fields(read), fields(form)];
  if (form.values) {
    was["helm.values"] = at(spec, "helm.values");
    now["helm.values"] = Object.keys(form.values).length ? form.values : undefined;
  }
  return {
    apiVersion: "fleet.cattle.io/v1alpha1",
    kind: "HelmOp",
    metadata: { name: form.name.trim(), namespace: form.namespace, labels: form.labels },
    spec: edited(spec, was, now),
  };
}

/** Whether the form names a chart. */
export function isNamed(form: HelmOpForm): boolean {
  return WRITTEN[form.source].every((path) => path === "helm.version" || form.texts[path].trim() !== "");
}

/** What is asked about the targets of a form, whatever else is not written yet. */
export function askedOf(made: Made): object {
  const { name: _name, ...metadata } = made.metadata;
  const helm = { repo: "https://example.invalid", chart: "x" };
  return { ...made, metadata: { ...metadata, generateName: "targets-" }, spec: { targets: made.spec["targets"], helm } };
}
