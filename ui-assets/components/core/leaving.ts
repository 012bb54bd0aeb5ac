// Keeps the browser from closing a form that holds what nobody saved.
import { onScopeDispose, type Ref } from "vue";

export function useLeaving(isEdited: Ref<boolean>): void {
  const ask = (event: BeforeUnloadEvent): void => {
    if (isEdited.value) event.preventDefault();
  };
  window.addEventListener("beforeunload", ask);
  onScopeDispose(() => window.removeEventListener("beforeunload", ask));
}
