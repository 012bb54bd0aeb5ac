// The workspace of a page is in its URL.
import { computed, type ComputedRef, shallowRef, type ShallowRef } from "vue";
import { readAll } from "./all";
import { useApp } from "./app";
import type { Client } from "./client";
import { ALL, type Place } from "./nav";
import { useReading } from "./reading";
import { PLURALS, type Resource } from "./types";

export interface Workspace {
  name: ComputedRef<string>;
  isAll: ComputedRef<boolean>;
  /** Where the objects of a kind are listed. */
  collection(plural: string): string;
  place(name: string, params?: Record<string, string>, query?: Record<string, string>): Place;
}

export function useWorkspace(): Workspace {
  const { nav } = useApp();
  const name = computed(() => nav.current.params["workspace"] ?? ALL);
  const isAll = computed(() => name.value === ALL);
  return {
    name,
    isAll,
    collection: (plural) => (isAll.value ? plural : `${plural}/${encodeURIComponent(name.value)}`),
    place: (page, params = {}, query = {}) => ({ name: page, params: { workspace: name.value, ...params }, query }),
  };
}

/** The page of an object by its id, `workspace/name`. */
export function placeOf(page: string, id: string, query: Record<string, string> = {}): Place {
  const [workspace = ALL, name = ""] = id.split("/");
  return { name: page, params: { workspace, name }, query };
}

const MOST = 2000;
const TYPE = "management.cattle.io.fleetworkspace";

/** The workspaces that one can choose from. Raises ApiError. */
export async function readWorkspaceNames(client: Client, signal?: AbortSignal): Promise<string[]> {
  const { rows } = await readAll<Resource>(client, PLURALS[TYPE], {}, MOST, signal);
  return rows.map((row) => row.metadata.name);
}

/** Those, as they come and go; while they can't be read, those that were known last. */
export function useWorkspaceNames(): ShallowRef<string[]> {
  const { client, rights } = useApp();
  const names = shallowRef<string[]>([]);
  const isListed = (): boolean => rights.list.has(PLURALS[TYPE]);
  useReading(async (signal) => {
    if (isListed()) names.value = await readWorkspaceNames(client, signal);
  }, { question: isListed, concerns: (change) => change.kind !== "change" && change.resourceType === TYPE });
  return names;
}
