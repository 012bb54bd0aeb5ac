// One object, as it is now: read when its page opens and again when it, or what its status is counted from, changed. When it is
// deleted while it is shown, the last that was known stays, marked as gone.
import { onScopeDispose, ref, type Ref, shallowRef, watch } from "vue";
import { useApp } from "./app";
import { ApiError, pathOf } from "./client";
import { latest, throttled } from "./pace";
import { PLURALS, type Resource, type TypeId } from "./types";

export interface Shown<R> {
  object: Ref<R | undefined>;
  error: Ref<ApiError | null>;
  gone: Ref<boolean>;
  refresh: () => void;
}

export function useObject<R extends Resource = Resource>(type: TypeId, id: () => string, also: readonly string[] = [], enabled = (): boolean => true): Shown<R> {
  const { client, events } = useApp();
  const object = shallowRef<R>();
  const error = ref<ApiError | null>(null);
  const gone = ref(false);
  const read = latest(async (signal) => {
    if (!enabled()) return;
    try {
      object.value = await client.get<R>(pathOf(PLURALS[type], id()), {}, signal);
      error.value = null;
      gone.value = false;
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      gone.value = problem.status === 404 && object.value !== undefined;
      error.value = gone.value ? null : problem;
    }
  });
  const again = throttled(read.run);
  watch(id, () => {
    object.value = undefined;
    read.run();
  }, { immediate: true });
  const leave = events.listen((changes, resync) => {
    const mine = changes.some((change) => (change.resourceType === type && change.id === id()) || also.includes(change.resourceType));
    if (resync || mine) again.run();
  });
  onScopeDispose(() => [leave, again.stop, read.stop].forEach((stop) => stop()));
  return { object, error, gone, refresh: read.run };
}
