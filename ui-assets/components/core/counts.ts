// How many objects of which type are in which workspace, as `/v1/counts` tells it; counted again as they come and go.
import { shallowRef, type ShallowRef } from "vue";
import { useApp } from "./app";
import { ofTypes, useReading } from "./reading";
import type { Collection, TypeId } from "./types";

export type Numbers = Record<string, { summary: { count: number }; namespaces: Record<string, { count: number }> }>;

export function countOf(counts: Numbers | undefined, type: string, workspace: string): number {
  return counts?.[type]?.namespaces[workspace]?.count ?? 0;
}

/** The types of which there are any in a workspace, with how many. */
export function contents(counts: Numbers, workspace: string): { type: string; count: number }[] {
  return Object.keys(counts).map((type) => ({ type, count: countOf(counts, type, workspace) })).filter((one) => one.count > 0);
}

export async function readCounts(client: ReturnType<typeof useApp>["client"], workspace: readonly string[], resourceType: readonly string[] = [], signal?: AbortSignal): Promise<Numbers> {
  const found = await client.get<Collection<{ id: string; counts: Numbers }>>("counts", { workspace, resourceType }, signal);
  return found.data[0]?.counts ?? {};
}

/** The counts of these workspaces; until they are read, or where they can't be, undefined. */
export function useCounts(workspaces: () => readonly string[], types: readonly TypeId[]): ShallowRef<Numbers | undefined> {
  const { client } = useApp();
  const counts = shallowRef<Numbers>();
  useReading(async (signal) => {
    if (workspaces().length) counts.value = await readCounts(client, workspaces(), types, signal);
  }, { question: workspaces, concerns: (change) => change.kind !== "change" && ofTypes(types)(change) });
  return counts;
}
