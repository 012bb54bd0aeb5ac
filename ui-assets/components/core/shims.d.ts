declare module "*.vue" {
  import type { DefineComponent } from "vue";
  const component: DefineComponent<object, object, unknown>;
  export default component;
}
declare module "*.yaml" {
  const texts: import("./l10n").Tree;
  export default texts;
}
declare module "*.css?inline" {
  const text: string;
  export default text;
}
declare module "*.css";
