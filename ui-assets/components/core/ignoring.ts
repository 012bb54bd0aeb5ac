// Fields that are not as deployed and are meant not to be: which ones there are, and where `diff.comparePatches` says so of them. What a
// GitRepo made has its options in git, which nobody edits here: for it, all that can be told is the text and the file.
import { ApiError, type Client, pathOf } from "./client";
import { type FieldChange, PLURALS, type Resource } from "./types";

export interface ObjectPlace {
  apiVersion: string;
  kind: string;
  namespace: string;
  name: string;
}
/** A field of an object that a bundle put on clusters. The change is as the first of these clusters has it. */
export interface Differing {
  bundle: string;
  clusters: string[];
  object: ObjectPlace;
  change: FieldChange;
}
export interface ModifiedStatus extends Partial<ObjectPlace> {
  missing?: boolean;
  delete?: boolean;
  changes?: FieldChange[];
}
export interface ComparePatch extends Partial<ObjectPlace> {
  jsonPointers?: string[];
  operations?: unknown[];
}
interface Options {
  diff?: { comparePatches?: ComparePatch[] };
  [field: string]: unknown;
}
export interface Spec extends Options {
  targets?: (Options & { name?: string })[];
}

const PLACE = ["apiVersion", "kind", "namespace", "name"] as const;
/** By these an object is found; where they differ it is another one. */
const IDENTITY = new Set(["", "/apiVersion", "/kind", "/metadata/name", "/metadata/namespace"]);
/** Stands for what is in a Secret. */
const MASK = "***";
const REPO_NAME = "fleet.cattle.io/repo-name";
const HELM_NAME = "fleet.cattle.io/fleet-helm-name";

/** The fields that differ in deployments, each of a bundle's object once. What is missing or left over has none. */
export function differing(deployments: readonly Resource[]): Differing[] {
  const found = new Map<string, Differing>();
  for (const deployment of deployments) {
    const of = (name: string): string => deployment.metadata.labels?.[`fleet.cattle.io/${name}`] ?? "";
    const [bundle, cluster] = [`${of("bundle-namespace")}/${of("bundle-name")}`, `${of("cluster-namespace")}/${of("cluster")}`];
    const there = (deployment.status?.modifiedStatus ?? []) as ModifiedStatus[];
    for (const one of there.filter(({ missing, delete: isLeftOver }) => !missing && !isLeftOver)) {
      const object = placeOf(one);
      for (const change of one.changes ?? []) {
        const key = JSON.stringify([bundle, object, change.path]);
        const known = found.get(key);
        if (known) known.clusters.push(cluster);
        else found.set(key, { bundle, clusters: [cluster], object, change });
      }
    }
  }
  return [...found.values()];
}

export function mayBeIgnored(path: string): boolean {
  return !IDENTITY.has(path) && !path.includes(MASK);
}

/** The options of a Bundle or HelmOp with which the field is not compared; all else in them stays. */
export function ignored(spec: Spec, { object, change }: Differing): Spec {
  const targets = spec.targets?.map((one) => (namesIn(one, object) ? without(one, object, change.path) : one));
  return { ...without(spec, object, change.path), ...(targets ? { targets } : {}) };
}

/** Targets with an entry of their own for the object: for their clusters it counts in place of the bundle's. */
export function overriding(spec: Spec, object: ObjectPlace): string[] {
  return (spec.targets ?? []).filter((one) => namesIn(one, object)).map((one) => one.name ?? "");
}

function without<O extends Options>(options: O, object: ObjectPlace, path: string): O {
  const patches = options.diff?.comparePatches ?? [];
  const known = patches.find((one) => isOf(one, object));
  const entry = { ...(known ?? named(object)), jsonPointers: [...new Set([...(known?.jsonPointers ?? []), path])] };
  const comparePatches = known ? patches.map((one) => (one === known ? entry : one)) : [...patches, entry];
  return { ...options, diff: { ...options.diff, comparePatches } };
}

function namesIn(options: Options, object: ObjectPlace): boolean {
  return (options.diff?.comparePatches ?? []).some((one) => isOf(one, object));
}

function isOf(patch: ComparePatch, object: ObjectPlace): boolean {
  return PLACE.every((part) => (patch[part] ?? "") === object[part]);
}

function placeOf(one: Partial<ObjectPlace>): ObjectPlace {
  return { apiVersion: one.apiVersion ?? "", kind: one.kind ?? "", namespace: one.namespace ?? "", name: one.name ?? "" };
}

/** The place as it is written: without what is empty. */
function named(object: ObjectPlace): ComparePatch {
  return Object.fromEntries(PLACE.filter((part) => object[part]).map((part) => [part, object[part]]));
}

/** Whose options they are: the HelmOp's or the Bundle's own; undefined where they come from git. */
export function editedFor(bundle: Resource): "fleet.cattle.io.helmop" | "fleet.cattle.io.bundle" | undefined {
  const labels = bundle.metadata.labels ?? {};
  if (labels[REPO_NAME]) return undefined;
  // What a fleet.yaml says can look like a HelmOp's label.
  return labels[HELM_NAME] && bundle.spec?.helmOpOptions ? "fleet.cattle.io.helmop" : "fleet.cattle.io.bundle";
}

/** Where a field is ignored: the object whose spec has the options, which in git are in `file` (empty where that is not known). */
export interface Holding {
  holder: Resource<Spec>;
  isInGit: boolean;
  file: string;
  notes: string[];
}
interface Trace {
  origins?: { bundle: string; options?: string }[];
  notes?: string[];
}

/** Raises ApiError. */
export async function holding(client: Client, { bundle, clusters, object }: Differing): Promise<Holding> {
  const made = await client.get<Resource>(pathOf(PLURALS["fleet.cattle.io.bundle"], bundle));
  const type = editedFor(made);
  if (type === "fleet.cattle.io.bundle") return { holder: made, isInGit: false, file: "", notes: [] };
  if (type) {
    const id = `${made.metadata.namespace}/${made.metadata.labels?.[HELM_NAME]}`;
    return { holder: await client.get<Resource>(pathOf(PLURALS[type], id)), isInGit: false, file: "", notes: [] };
  }
  const trace = await client.post<Trace>("traces", { cluster: clusters[0], ...object }).catch((problem: unknown): Trace => {
    if (!(problem instanceof ApiError)) throw problem;
    return { notes: [problem.message] };
  });
  const origin = trace.origins?.find((one) => one.bundle === bundle);
  return { holder: made, isInGit: true, file: origin?.options ?? "", notes: trace.notes ?? [] };
}
