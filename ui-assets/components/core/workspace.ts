// The workspace of a page is in its URL.
import { computed, type ComputedRef, onScopeDispose, shallowRef, type ShallowRef, watch } from "vue";
import { readAll } from "./all";
import { useApp } from "./app";
import { ApiError } from "./client";
import { ALL, type Place } from "./nav";
import { latest, throttled } from "./pace";
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

/** The workspaces that one can choose from, as they come and go; while they can't be read, those that were known last. */
export function useWorkspaceNames(): ShallowRef<string[]> {
  const { client, events, rights } = useApp();
  const names = shallowRef<string[]>([]);
  const read = latest(async (signal) => {
    if (!rights.list.has(PLURALS[TYPE])) return;
    try {
      names.value = (await readAll<Resource>(client, PLURALS[TYPE], {}, MOST, signal)).rows.map((row) => row.metadata.name);
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
    }
  });
  const again = throttled(read.run);
  watch(() => rights.list, read.run, { immediate: true });
  const leave = events.listen((changes, resync) => {
    if (resync || changes.some((change) => change.resourceType === TYPE && change.kind !== "change")) again.run();
  });
  onScopeDispose(() => [leave, again.stop, read.stop].forEach((stop) => stop()));
  return names;
}
