// One object, as it is now: read when its page opens and again when it, or what its status is counted from, changed. When it is
// deleted while it is shown, the last that was known stays, marked as gone.
import { computed, type ComputedRef, type Ref, shallowRef, watch } from "vue";
import { useApp } from "./app";
import { type ApiError, pathOf } from "./client";
import type { Change } from "./events";
import { ofTypes, useReading } from "./reading";
import { PLURALS, type Resource, type TypeId } from "./types";

export interface Shown<R> {
  object: Ref<R | undefined>;
  error: ComputedRef<ApiError | null>;
  gone: ComputedRef<boolean>;
  refresh: () => void;
}

export function useObject<R extends Resource = Resource>(type: TypeId, id: () => string, also: readonly string[] = [], enabled = (): boolean => true): Shown<R> {
  const { client } = useApp();
  const object = shallowRef<R>();
  watch(id, () => (object.value = undefined));
  const isMine = (change: Change): boolean => change.resourceType === type && change.id === id();
  const { run, error } = useReading(async (signal) => {
    if (enabled()) object.value = await client.get<R>(pathOf(PLURALS[type], id()), {}, signal);
  }, { question: id, concerns: (change) => isMine(change) || ofTypes(also)(change) });
  const gone = computed(() => error.value?.status === 404 && object.value !== undefined);
  return { object, error: computed(() => (gone.value ? null : error.value)), gone, refresh: run };
}
