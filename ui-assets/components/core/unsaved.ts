// What was written into a form and not saved: the browser asks before it closes such a page, and who comes back to it, after an expired
// login or a wrong click, finds it again. Kept in memory only, and until somebody logs out.
import { onScopeDispose, ref, type Ref, toRaw } from "vue";
import { useApp } from "./app";
import type { Client } from "./client";
import type { Base } from "./forms";

interface Kept {
  form: unknown;
  base: Base;
  before: string;
}
const kept = new WeakMap<Client, Map<string, Kept>>();

export interface Unsaved {
  isBack: Ref<boolean>;
  /** The form is as it was read. */
  begin(): void;
  /** It is saved. */
  end(): void;
}

export function useUnsaved<F>(key: string, form: Ref<F | undefined>, base: Ref<Base | undefined>): Unsaved {
  const { client } = useApp();
  const all = kept.get(client) ?? new Map<string, Kept>();
  kept.set(client, all);
  const isBack = ref(false);
  let before = "";
  const found = all.get(key);
  if (found) {
    [form.value, base.value, before] = [found.form as F, found.base, found.before];
    isBack.value = true;
  }
  const isDirty = (): boolean => form.value !== undefined && JSON.stringify(form.value) !== before;
  const ask = (event: BeforeUnloadEvent): void => {
    if (isDirty()) event.preventDefault();
  };
  window.addEventListener("beforeunload", ask);
  onScopeDispose(() => {
    window.removeEventListener("beforeunload", ask);
    if (base.value && isDirty()) all.set(key, { form: toRaw(form.value), base: base.value, before });
    else all.delete(key);
  });
  const begin = (): void => {
    before = JSON.stringify(form.value);
    isBack.value = false;
  };
  return { isBack, begin, end: begin };
}

export function forgetUnsaved(client: Client): void {
  kept.get(client)?.clear();
}
