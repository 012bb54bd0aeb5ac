// A HelmOp as a form: what it is read into, and the object it makes of it.
import { at, type Base, edited, type Made } from "./forms";
import { sourceFields, type SourceForm, sourceForm, sourceMade, textAt } from "./sources";

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
/** In place of a chart that is not written yet. */
export const SOME_CHART = { helm: { repo: "https://example.invalid", chart: "x" } };
const SOURCE = ["helm.repo", "helm.chart", "helm.version"] as const;

export interface HelmOpForm extends SourceForm<(typeof TEXTS)[number], (typeof FLAGS)[number]> {
  source: ChartSource;
  /** Undefined: as they are. */
  values: Record<string, unknown> | undefined;
}

export function sourceOf(repo: string, chart: string): ChartSource {
  if (chart.toLowerCase().endsWith(".tgz")) return "tarball";
  return repo.startsWith("oci://") ? "oci" : "repo";
}

export function formOf(object: Base): HelmOpForm {
  const source = sourceOf(textAt(object.spec, "helm.repo"), textAt(object.spec, "helm.chart"));
  return { ...sourceForm(object, TEXTS, FLAGS), source, values: undefined };
}

export function objectOf(form: HelmOpForm, base: Base): Made {
  const spec = base.spec ?? {};
  const read = formOf({ metadata: {}, spec });
  const fields = (one: HelmOpForm): Record<string, unknown> => ({
    ...sourceFields(one, spec),
    ...(one.source === read.source ? {} : Object.fromEntries(SOURCE.filter((path) => !WRITTEN[one.source].includes(path)).map((path) => [path, ""]))),
  });
  const [was, now] = [fields(read), fields(form)];
  if (form.values) {
    was["helm.values"] = at(spec, "helm.values");
    now["helm.values"] = Object.keys(form.values).length ? form.values : undefined;
  }
  return sourceMade("HelmOp", form, edited(spec, was, now));
}

/** Whether the form names a chart. */
export function isNamed(form: HelmOpForm): boolean {
  return WRITTEN[form.source].every((path) => path === "helm.version" || form.texts[path].trim() !== "");
}
