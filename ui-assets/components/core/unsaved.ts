// What was written into a form and not saved: the browser asks before it closes such a page, and who comes back to it, after an expired
// login or a wrong click, finds it again. Kept in memory only, until its user logs out or somebody else logs in. Invariant: nobody is shown
// what another one wrote.
import { onScopeDispose, ref, type Ref, toRaw } from "vue";
import { useApp } from "./app";
import type { Client } from "./client";
import type { Base } from "./forms";

interface Kept {
  form: unknown;
  base: Base;
  before: string;
}
type Forms = Map<string, Kept>;
const kept = new WeakMap<Client, { user: string; forms: Forms }>();

export interface Unsaved {
  isBack: Ref<boolean>;
  /** The form is as it was read. */
  begin(): void;
  /** It is saved. */
  end(): void;
}

export function useUnsaved<F>(key: string, form: Ref<F | undefined>, base: Ref<Base | undefined>): Unsaved {
  const { client, user } = useApp();
  const owner = user();
  const isBack = ref(false);
  let before = "";
  const found = unsavedOf(client, owner).get(key);
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
    const all = unsavedOf(client, owner || user());
    if (base.value && isDirty()) all.set(key, { form: toRaw(form.value), base: base.value, before });
    else all.delete(key);
  });
  const begin = (): void => {
    before = JSON.stringify(form.value);
    isBack.value = false;
  };
  return { isBack, begin, end: begin };
}

/** The forms that this user has not saved, by their keys; anybody else's are dropped, and of one who is not known none are kept. */
export function unsavedOf(client: Client, user: string): Forms {
  forgetUnsaved(client, user);
  const forms: Forms = kept.get(client)?.forms ?? new Map();
  if (user) kept.set(client, { user, forms });
  return forms;
}

/** Drops what was not saved, but for this user's. */
export function forgetUnsaved(client: Client, user = ""): void {
  if (kept.get(client)?.user !== user) kept.delete(client);
}
