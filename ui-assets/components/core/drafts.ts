// A form of an object: new, a copy of another (`from` in the URL), or an edit of the one that the page is of. What is edited stays as it
// is while the object changes; what somebody else saved meanwhile is told, and shown before anything is saved over it.
import { computed, type ComputedRef, reactive, ref, type Ref, shallowRef, watch } from "vue";
import { type Doing, useDoing } from "./actions";
import { useApp } from "./app";
import { pathOf } from "./client";
import { editable, save, type Saved } from "./editing";
import { type Base, copyOf, type Made } from "./forms";
import { type Shown, useObject } from "./object";
import { mergePatch } from "./patches";
import { PLURALS, type Resource, type TypeId } from "./types";
import { useUnsaved } from "./unsaved";
import { useWorkspace } from "./workspace";

export interface Named {
  name: string;
  namespace: string;
}
export interface Draft<F> {
  form: Ref<F | undefined>;
  /** What the form was read from. */
  base: Ref<Base | undefined>;
  made: ComputedRef<Made | undefined>;
  /** The name of the object that is edited, empty for a new one. */
  edited: string;
  shown: Shown<Resource> | undefined;
  isEdited: ComputedRef<boolean>;
  /** Somebody else saved since it was read. */
  isChanged: ComputedRef<boolean>;
  /** What was not saved when this page was left is here again. */
  isBack: Ref<boolean>;
  theirs: Ref<Resource | undefined>;
  /** Counts how often the form was begun anew, for who keeps a copy of its values. */
  round: Ref<number>;
  doing: Doing;
  begin(object: Resource): void;
  /** Drops what was edited. */
  anew(): Promise<void>;
  submit(): Promise<Resource | undefined>;
}

export function useDraft<F extends Named>(type: TypeId, formOf: (base: Base) => F, objectOf: (form: F, base: Base) => Made): Draft<F> {
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
  const unsaved = useUnsaved<F>(`${type} ${workspace.name.value} ${edited} ${source}`, form, base);
  const start = (from: Base): void => {
    [base.value, form.value, theirs.value] = [from, reactive(formOf(from)) as F, undefined];
    round.value += 1;
    unsaved.begin();
  };
  const anew = async (): Promise<void> => {
    if (shown) return shown.object.value && start(shown.object.value);
    const original = source && (await doing.run(() => client.get<Resource>(pathOf(PLURALS[type], source)), "", true));
    if (!source || original) start(original ? copyOf(original) : { metadata: { namespace: workspace.isAll.value ? "" : workspace.name.value } });
  };
  if (shown) watch(shown.object, (object) => object && !base.value && start(object), { immediate: true });
  else if (!base.value) void anew();

  const isNew = computed(() => !edited || Boolean(shown?.gone.value));
  const made = computed(() => (form.value && base.value ? objectOf(form.value, base.value) : undefined));
  const { isEdited, isChanged } = compared(made, base, isNew, () => (theirs.value ? undefined : shown?.object.value));
  async function submit(): Promise<Resource | undefined> {
    const [wanted, read] = [made.value, base.value as Resource];
    if (!wanted) return undefined;
    const work = async (): Promise<Saved<Resource>> =>
      isNew.value
        ? { object: await client.post<Resource>(pathOf(PLURALS[type], wanted.metadata.namespace), wanted) }
        : save(client, pathOf(PLURALS[type], read.id), read, { metadata: { labels: wanted.metadata.labels }, spec: wanted.spec }, theirs.value);
    const done = await doing.run(work, "", true);
    theirs.value = done?.theirs;
    if (done?.object) unsaved.end();
    return done?.object;
  }
  return { form, base, made, edited, shown, isEdited, isChanged, isBack: unsaved.isBack, theirs, round, doing, begin: start, anew, submit };
}

/** Whether the form makes something else of what it was read from, and whether that is something else by now. */
function compared(made: ComputedRef<Made | undefined>, base: Ref<Base | undefined>, isNew: ComputedRef<boolean>, now: () => Resource | undefined): { isEdited: ComputedRef<boolean>; isChanged: ComputedRef<boolean> } {
  const isEdited = computed(() => {
    const before = { metadata: { labels: base.value?.metadata.labels ?? {} }, spec: base.value?.spec ?? {} };
    return made.value !== undefined && (isNew.value || mergePatch(before, { metadata: { labels: made.value.metadata.labels }, spec: made.value.spec }) !== undefined);
  });
  const isChanged = computed(() => {
    const [object, read] = [now(), base.value as Resource | undefined];
    return Boolean(object && read && mergePatch(editable(read), editable(object)));
  });
  return { isEdited, isChanged };
}
