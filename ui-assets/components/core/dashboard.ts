// What a dashboard reads besides counts, together and again as things change: what is wrong, what is not well, and what was done.
import { computed, type ComputedRef, type ShallowRef, shallowRef } from "vue";
import { useApp } from "./app";
import { ApiError, type Query } from "./client";
import { type Happening, happenings } from "./lately";
import type { Operation } from "./operation";
import { useReading } from "./reading";
import type { Collection, ErrorGroup, Resource } from "./types";
import { useWorkspace } from "./workspace";

const EVERY = 3000;
const GROUPS = 10;
const LOOKED_AT = 100;
/** States in which nothing is to be done about an object. */
const WELL = ["active", "paused", "gitupdating"];

export interface Dashboard {
  groups: ShallowRef<Collection<ErrorGroup> | undefined>;
  /** GitRepos and Helm Ops that are not well, the first of them. */
  unwell: ComputedRef<Resource[]>;
  lately: ComputedRef<Happening[]>;
  loaded: ComputedRef<boolean>;
}

export function useDashboard(): Dashboard {
  const { client, rights } = useApp();
  const workspace = useWorkspace();
  const groups = shallowRef<Collection<ErrorGroup>>();
  const makers = shallowRef<Resource[]>([]);
  const operations = shallowRef<Operation[]>([]);
  useReading(async (signal) => {
    const rows = async <R>(path: string, query: Query = {}): Promise<Collection<R> | undefined> => {
      try {
        return await client.get<Collection<R>>(path, query, signal);
      } catch (problem) {
        if (!(problem instanceof ApiError)) throw problem;
        return undefined;
      }
    };
    const listed = (plural: string): Promise<Collection | undefined> =>
      rights.list.has(plural) ? rows(workspace.collection(plural), { limit: LOOKED_AT, sort: "-metadata.state.name", exclude: ["spec"] }) : Promise.resolve(undefined);
    const [wrong, repos, ops, done] = await Promise.all([
      rows<ErrorGroup>(workspace.collection("errorgroups"), { limit: GROUPS }),
      listed("fleet.cattle.io.gitrepos"),
      listed("fleet.cattle.io.helmops"),
      rows<Operation>("operations"),
    ]);
    groups.value = wrong ?? groups.value;
    makers.value = [...(repos?.data ?? []), ...(ops?.data ?? [])];
    operations.value = workspace.isAll.value ? (done?.data ?? []) : [];
  }, { question: () => [workspace.name.value, rights.known], concerns: () => true, every: EVERY });
  return {
    groups,
    unwell: computed(() => makers.value.filter((one) => one.metadata.state.error || !WELL.includes(one.metadata.state.name)).slice(0, GROUPS)),
    lately: computed(() => happenings(operations.value, groups.value?.data ?? [], makers.value)),
    loaded: computed(() => groups.value !== undefined),
  };
}
