// The workspace of a page is in its URL.
import { computed, type ComputedRef } from "vue";
import { useApp } from "./app";
import { ALL, type Place } from "./nav";

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
