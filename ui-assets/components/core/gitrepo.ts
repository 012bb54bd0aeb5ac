// A GitRepo as a form: what it is read into, and the object it makes of it.
import { at, type Base, decoded, edited, encoded, type Made } from "./forms";
import { type Target, type TargetMode, type TargetRow, modeOf, targetRows, targetsOf } from "./targets";

export const DEFAULT_BRANCH = "master";

/** Fields of the spec that are one text or one switch each, in the form by their path. */
const TEXTS = [
  "repo",
  "clientSecretName",
  "helmSecretName",
  "helmRepoURLRegex",
  "targetNamespace",
  "serviceAccount",
  "pollingInterval",
] as const;
const FLAGS = ["insecureSkipTLSVerify", "disablePolling", "correctDrift.enabled", "correctDrift.force", "keepResources", "deleteNamespace"] as const;

export interface GitRepoForm {
  name: string;
  namespace: string;
  labels: Record<string, string>;
  texts: Record<(typeof TEXTS)[number], string>;
  flags: Record<(typeof FLAGS)[number], boolean>;
  follows: "branch" | "revision";
  branch: string;
  revision: string;
  /** PEM, as people paste it. */
  caBundle: string;
  paths: string[];
  mode: TargetMode;
  targets: TargetRow[];
}

export function formOf(object: Base): GitRepoForm {
  const spec = object.spec ?? {};
  const text = (path: string): string => (typeof at(spec, path) === "string" ? (at(spec, path) as string) : "");
  const targets = spec["targets"] as Target[] | undefined;
  return {
    name: object.metadata.name ?? "",
    namespace: object.metadata.namespace ?? "",
    labels: { ...object.metadata.labels },
    texts: Object.fromEntries(TEXTS.map((path) => [path, text(path)])) as GitRepoForm["texts"],
    flags: Object.fromEntries(FLAGS.map((path) => [path, at(spec, path) === true])) as GitRepoForm["flags"],
    follows: text("revision") ? "revision" : "branch",
    branch: text("branch"),
    revision: text("revision"),
    caBundle: decoded(text("caBundle")),
    paths: [...((spec["paths"] as string[] | undefined) ?? [])],
    mode: modeOf(targets),
    targets: targetRows(targets),
  };
}

function fields(form: GitRepoForm, before: readonly Target[] | undefined): Record<string, unknown> {
  const texts = Object.fromEntries(Object.entries(form.texts).map(([path, value]) => [path, value.trim()]));
  return {
    ...texts,
    ...form.flags,
    branch: form.follows === "branch" ? form.branch.trim() : "",
    revision: form.follows === "revision" ? form.revision.trim() : "",
    caBundle: form.caBundle.trim(),
    paths: form.paths.map((path) => path.trim()).filter(Boolean),
    targets: targetsOf(form.mode, form.targets, before),
  };
}

/** The object that the form makes of `base`, which it was read from. */
export function objectOf(form: GitRepoForm, base: Base): Made {
  const spec = base.spec ?? {};
  const before = spec["targets"] as Target[] | undefined;
  const read = formOf({ metadata: {}, spec });
  const [was, now] = [fields(read, before), fields(form, before)];
  // Whoever follows a revision may have a branch besides, for when it goes: it stays until what is followed is edited.
  const isFollowed = form.follows === read.follows && now["revision"] === was["revision"] && now["branch"] === was["branch"];
  if (isFollowed) ["branch", "revision"].forEach((name) => delete now[name]);
  else [was["branch"], was["revision"]] = [read.branch, read.revision];
  if (now["caBundle"] !== was["caBundle"]) now["caBundle"] = now["caBundle"] ? encoded(`${now["caBundle"]}\n`) : "";
  return {
    apiVersion: "fleet.cattle.io/v1alpha1",
    kind: "GitRepo",
    metadata: { name: form.name.trim(), namespace: form.namespace, labels: form.labels },
    spec: edited(spec, was, now),
  };
}

/** What is asked about the targets of a form, whatever else is not written yet. */
export function askedOf(made: Made): object {
  const { name: _name, ...metadata } = made.metadata;
  return { ...made, metadata: { ...metadata, generateName: "targets-" }, spec: { targets: made.spec["targets"], repo: "https://example.invalid/x" } };
}
