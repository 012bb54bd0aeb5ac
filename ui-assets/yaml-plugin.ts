// Texts are YAML for those who translate; the browser gets them as data, so no YAML parser is shipped.
import type { Plugin } from "vite";
import { parse } from "yaml";

export function texts(): Plugin {
  return {
    name: "texts",
    transform(code, id) {
      if (!id.endsWith(".yaml")) return null;
      return { code: `export default ${JSON.stringify(parse(code))}`, map: null };
    },
  };
}
