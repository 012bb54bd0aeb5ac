// A form of an object: new, a copy of another (`from` in the URL), or an edit of the one that the page is of. What is edited stays as it
// is while the object changes; what somebody else saved meanwhile is told, and shown before anything is saved over it.
import { computed, type ComputedRef, reactive, ref, type Ref, shallowRef, watch } from "vue";
import { type Doing, useDoing } from "./actions";
import { useApp } from "./app";
import { pathOf } from "./client";
import { editable, save, type Saved } from "./editing";
import { useLeaving } from "./leaving";
import { type Shown, useObject } from "./object";
import { mergePatch } from "./patches";
import { PLURALS, type Resource, type TypeId } from "./types";
import { useWorkspace } from "./workspace";

export interface Made {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; labels: Record<string, string> };
  spec: Record<string, unknown>;
}
export interface Base {
  metadata: { name?: string; namespace?: string; labels?: Record<string, string> };
  spec?: Record<string, unknown>;
}
export interface Draft<F> {
  form: Ref<F | undefined>;
  made: ComputedRef<Made | undefined>;
  /** The name of the object that is edited, empty for a new one. */
  edited: string;
  shown: Shown<Resource> | undefined;
  isEdited: ComputedRef<boolean>;
  /** Somebody else saved since it was read. */
  isChanged: ComputedRef<boolean>;
  theirs: Ref<Resource | undefined>;
  /** Counts how often the form was begun anew, for who keeps a copy of its values. */
  round: Ref<number>;
  doing: Doing;
  begin(object: Resource): void;
  submit(): Promise<Resource | undefined>;
}

export function useDraft<F extends { name: string; namespace: string }>(type: TypeId, formOf: (base: Base) => F, objectOf: (form: F, base: Base) => Made, copyOf: (object: Resource) => Base): Draft<F> {
  const { client, nav } = useApp();
  const workspace = useWorkspace();
  const doing = useDoing();
  const edited = nav.current.params["name"] ?? "";
  const source = nav.current.query["from"] ?? "";
  const shown = edited ? useObject(type, () => `${workspace.name.value}/${edited}`) : undefined;
  const form = ref<F>() as Ref<F | undefined>;
  const base = shallowRef<Base>();
  const theirs = shallowRef<Resource>();
  const round = ref(0);
  const isSaved = ref(false);
  const start = (from: Base): void => {
    base.value = from;
    form.value = reactive(formOf(from)) as F;
    round.value += 1;
  };
  const begin = (object: Resource): void => {
    theirs.value = undefined;
    start(object);
  };
  const place = workspace.isAll.value ? "" : workspace.name.value;
  async function copy(): Promise<void> {
    const original = await doing.run(() => client.get<Resource>(pathOf(PLURALS[type], source)), "", true);
    if (original) start(copyOf(original));
  }
  if (shown) watch(shown.object, (object) => object && !base.value && begin(object), { immediate: true });
  else if (source) void copy();
  else start({ metadata: { namespace: place } });

  const made = computed(() => (form.value && base.value ? objectOf(form.value, base.value) : undefined));
  const isNew = computed(() => !edited || Boolean(shown?.gone.value));
  const isEdited = computed(() => {
    const before = { metadata: { labels: base.value?.metadata.labels ?? {} }, spec: base.value?.spec ?? {} };
    return made.value !== undefined && (isNew.value || mergePatch(before, { metadata: { labels: made.value.metadata.labels }, spec: made.value.spec }) !== undefined);
  });
  const isChanged = computed(() => {
    const [now, read] = [shown?.object.value, base.value as Resource | undefined];
    return Boolean(now && read && !theirs.value && mergePatch(editable(read), editable(now)));
  });
  useLeaving(computed(() => isEdited.value && !isSaved.value && Boolean(form.value?.name)));

  async function submit(): Promise<Resource | undefined> {
    const [wanted, read] = [made.value, base.value as Resource];
    if (!wanted) return undefined;
    const work = async (): Promise<Saved<Resource>> =>
      isNew.value
        ? { object: await client.post<Resource>(pathOf(PLURALS[type], wanted.metadata.namespace), wanted) }
        : save(client, pathOf(PLURALS[type], read.id), read, { metadata: { labels: wanted.metadata.labels }, spec: wanted.spec }, theirs.value);
    const done = await doing.run(work, "", true);
    theirs.value = done?.theirs;
    isSaved.value = done?.object !== undefined;
    return done?.object;
  }
  return { form, made, edited, shown, isEdited, isChanged, theirs, round, doing, begin, submit };
}
