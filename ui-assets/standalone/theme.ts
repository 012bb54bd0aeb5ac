// Light or dark: the system's, until somebody chooses.
import { ref } from "vue";

const KEY = "continuous-delivery-theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");
export const theme = ref<"light" | "dark">("light");

function apply(): void {
  const chosen = localStorage.getItem(KEY);
  theme.value = chosen === "dark" || chosen === "light" ? chosen : system.matches ? "dark" : "light";
  document.documentElement.dataset["theme"] = theme.value;
}

export function startTheme(): void {
  system.addEventListener("change", apply);
  apply();
}

export function toggleTheme(): void {
  localStorage.setItem(KEY, theme.value === "dark" ? "light" : "dark");
  apply();
}
