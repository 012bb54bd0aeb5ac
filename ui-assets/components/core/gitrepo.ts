// A GitRepo as a form: what it is read into, and the object it makes of it.
import { type Base, decoded, edited, encoded, type Made } from "./forms";
import { sourceFields, type SourceForm, sourceForm, sourceMade, textAt } from "./sources";

export const DEFAULT_BRANCH = "master";
/** In place of a repository that is not written yet. */
export const SOME_REPO = { repo: "https://example.invalid/x" };

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

export interface GitRepoForm extends SourceForm<(typeof TEXTS)[number], (typeof FLAGS)[number]> {
  follows: "branch" | "revision";
  branch: string;
  revision: string;
  /** PEM, as people paste it. */
  caBundle: string;
  paths: string[];
}

export function formOf(object: Base): GitRepoForm {
  const spec = object.spec ?? {};
  return {
    ...sourceForm(object, TEXTS, FLAGS),
    follows: textAt(spec, "revision") ? "revision" : "branch",
    branch: textAt(spec, "branch"),
    revision: textAt(spec, "revision"),
    caBundle: decoded(textAt(spec, "caBundle")),
    paths: [...((spec["paths"] as string[] | undefined) ?? [])],
  };
}

function fields(form: GitRepoForm, spec: Record<string, unknown>): Record<string, unknown> {
  return {
    ...sourceFields(form, spec),
    branch: form.follows === "branch" ? form.branch.trim() : "",
    revision: form.follows === "revision" ? form.revision.trim() : "",
    caBundle: form.caBundle.trim(),
    paths: form.paths.map((path) => path.trim()).filter(Boolean),
  };
}

/** The object that the form makes of `base`, which it was read from. */
export function objectOf(form: GitRepoForm, base: Base): Made {
  const spec = base.spec ?? {};
  const read = formOf({ metadata: {}, spec });
  const [was, now] = [fields(read, spec), fields(form, spec)];
  // Whoever follows a revision may have a branch besides, for when it goes: it stays until what is followed is edited.
  const isFollowed = form.follows === read.follows && now["revision"] === was["revision"] && now["branch"] === was["branch"];
  if (isFollowed) ["branch", "revision"].forEach((name) => delete now[name]);
  else [was["branch"], was["revision"]] = [read.branch, read.revision];
  if (now["caBundle"] !== was["caBundle"]) now["caBundle"] = now["caBundle"] ? encoded(`${now["caBundle"]}\n`) : "";
  return sourceMade("GitRepo", form, edited(spec, was, now));
}
