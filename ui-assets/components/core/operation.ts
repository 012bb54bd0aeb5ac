// A forced update or move of many objects, as the server remembers it; looked at again whenever something it could be about changed.
import { type Ref, shallowRef } from "vue";
import { type Doing, useDoing } from "./actions";
import { useApp } from "./app";
import { ApiError, type Query } from "./client";
import { useReading } from "./reading";
import { useWorkspace } from "./workspace";

export interface OperationItem {
  id: string;
  state: string;
  message: string;
  workspace?: string;
  result?: { leaves?: string[]; adopts?: string[]; comes?: string[]; warnings?: string[]; secrets?: string[] };
}

export interface Operation {
  id: string;
  links: Record<string, string>;
  actions: Record<string, string>;
  kind: "forceUpdate" | "move";
  objects: string;
  by: string;
  undoes?: string;
  retries?: string;
  created?: string;
  total: number;
  state?: string;
  counts?: Record<string, number>;
  items?: OperationItem[];
}

const ENDED = ["done", "failed", "gone", "reverted"];
const PAGES: Record<string, string> = {
  "fleet.cattle.io.gitrepos": "gitrepo",
  "fleet.cattle.io.helmops": "helmop",
  "fleet.cattle.io.bundles": "bundle",
  "fleet.cattle.io.clusters": "cluster",
};

/** Begins a forced update, which goes on while one does something else; the page where it is looked at is told. */
export function useUpdating(): Pick<Doing, "busy"> & { begin(path: string, body?: unknown, query?: Query): Promise<boolean> } {
  const { client, notices, t } = useApp();
  const workspace = useWorkspace();
  const { busy, run } = useDoing();
  async function begin(path: string, body?: unknown, query?: Query): Promise<boolean> {
    const begun = await run(() => client.post<Operation>(path, body, query));
    if (begun) notices.say("success", t("operation.begun", { count: begun.total }), "", workspace.place("operation", { name: begun.id }));
    return begun !== undefined;
  }
  return { busy, begin };
}

/** What went wrong first, then what still goes on, then what is done; each as it was asked for. */
export function ordered(items: readonly OperationItem[]): OperationItem[] {
  const rank = (item: OperationItem): number => (item.state === "done" ? 2 : ENDED.includes(item.state) ? 0 : 1);
  return [...items].sort((one, other) => rank(one) - rank(other));
}

/** The page of an object of an operation, and its id there: a cluster that was moved has another workspace. */
export function whereIs(operation: Operation, item: OperationItem): { page: string; id: string } {
  const isThere = operation.kind === "move" && !["failed", "reverted"].includes(item.state);
  const id = isThere && item.workspace ? `${item.workspace}/${item.id.split("/")[1]}` : item.id;
  return { page: PAGES[operation.objects] ?? "", id };
}

export function useOperation(): { operation: Ref<Operation | undefined>; follow: (id: string) => void; error: Ref<ApiError | null> } {
  const { client } = useApp();
  const operation = shallowRef<Operation>();
  let name = "";
  const { run, error } = useReading(async (signal) => {
    if (name) operation.value = await client.get<Operation>(`operations/${encodeURIComponent(name)}`, {}, signal);
  }, { question: () => "", concerns: () => operation.value?.state !== "done" }); // what failed may be mended meanwhile
  const follow = (id: string): void => {
    name = id;
    run();
  };
  return { operation, follow, error };
}
